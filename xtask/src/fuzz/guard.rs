//! The bounds of one input: processor time, waiting time and memory, held also against what never ends.
//!
//! A second thread looks at the clocks while an input runs, because an endless loop does not look itself; the system
//! bounds the address space, so that what wants all memory of the machine is stopped before it gets it. Whoever breaks
//! a bound ends the process, with the input still in its file.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit};
use rustix::time::{ClockId, clock_gettime};

/// Processor time of one input (reliability.md §7), so that a busy machine breaks nothing. A debug build needs more.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });
/// Time on the wall for one input: what waits without working is found too.
const WALL: Duration = Duration::from_secs(60);
const MOST_MIB: u64 = 512;
/// Far above [`MOST_MIB`], because stacks and libraries count here, and below what hurts the machine.
const ADDRESSES: u64 = 4 << 30;

/// What an input took.
#[derive(Clone, Copy, Default)]
pub struct Taken {
    pub time: Duration,
    pub mib: u64,
}

/// Watches inputs, one after another.
pub struct Guard {
    /// The input that runs now.
    kept: std::fs::File,
    watched: Arc<Watched>,
    began: Instant,
}

#[derive(Default)]
struct Watched {
    /// When the input began, in nanoseconds of the processor and of the wall; 0 while none runs.
    processor: AtomicU64,
    wall: AtomicU64,
}

/// Ends this process because of the input that runs.
fn ended(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(3)
}

impl Guard {
    /// Begins to watch; `kept` always holds the input that runs.
    pub fn new(kept: &Path) -> anyhow::Result<Self> {
        let most = Rlimit { current: Some(ADDRESSES), maximum: Some(ADDRESSES) };
        // Not every system has that bound.
        let _ = rustix::process::setrlimit(Resource::As, most);
        // Also a panic that the library would catch on a thread of its own is a finding.
        std::panic::set_hook(Box::new(|panic| ended(&format!("it panics: {panic}"))));
        let kept = std::fs::File::create(kept).with_context(|| format!("{}", kept.display()))?;
        let (watched, began) = (Arc::new(Watched::default()), Instant::now());
        let here = watched.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(20));
                let since = |start: &AtomicU64, now: Duration| match start.load(Ordering::SeqCst) {
                    0 => Duration::ZERO,
                    start => now.saturating_sub(Duration::from_nanos(start)),
                };
                let (worked, waited) = (since(&here.processor, processor()), since(&here.wall, began.elapsed()));
                if worked > PATIENCE || waited > WALL {
                    ended(&format!("it works for {worked:.1?}, and is not done after {waited:.1?}"));
                }
            }
        });
        Ok(Self { kept, watched, began })
    }

    /// Runs one input within the bounds.
    pub fn run(&mut self, input: &[u8], run: fn(&[u8])) -> anyhow::Result<Taken> {
        self.kept.seek(SeekFrom::Start(0))?;
        self.kept.write_all(input)?;
        self.kept.set_len(input.len() as u64)?;
        forget_peak();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1);
        let start = processor();
        self.watched.wall.store(nanos(self.began.elapsed()), Ordering::SeqCst);
        self.watched.processor.store(nanos(start), Ordering::SeqCst);
        run(input);
        self.watched.processor.store(0, Ordering::SeqCst);
        self.watched.wall.store(0, Ordering::SeqCst);
        let taken = Taken { time: processor().saturating_sub(start), mib: peak_mib() };
        if taken.time > PATIENCE {
            ended(&format!("it works for {:.1?}", taken.time));
        }
        if taken.mib > MOST_MIB {
            ended(&format!("it takes {} MiB", taken.mib));
        }
        Ok(taken)
    }
}

/// The time that all threads of this process have worked.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Lets the peak begin anew (Linux, proc(5): `/proc/pid/clear_refs`).
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Returns the peak of resident memory (Linux; 0 elsewhere).
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}
