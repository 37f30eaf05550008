//! The only door to stdout and stderr: text comes in, and no lost byte of data goes unnoticed.
//!
//! A reader that went away (`lakegen diff | head`) is a normal end; a full disk behind stdout is an error of the
//! environment. What goes to stderr is for people: when that cannot be written, nobody is there to be told.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use super::{Code, Color, Failure, color};
use crate::diag::escape;
use crate::diag::render::Style;

/// Columns of findings when the terminal's are not known.
const WIDTH: usize = 100;

/// Stdout and stderr, with how to write to them.
pub struct Out {
    color: bool,
    error_color: bool,
    quiet: bool,
    verbose: bool,
    /// Nobody reads stdout any more.
    closed: bool,
}

impl Out {
    /// Returns the door with the user's wishes.
    pub fn new(wish: Color, quiet: bool, verbose: bool) -> Self {
        let get = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
        Self {
            color: color::choose(wish, get, io::stdout().is_terminal()),
            error_color: color::choose(wish, get, io::stderr().is_terminal()),
            quiet,
            verbose,
            closed: false,
        }
    }

    /// Says whether stdout is coloured.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Returns the style of findings on stdout.
    pub fn style(&self) -> Style {
        Style { color: self.color, width: WIDTH }
    }

    /// Returns the style of findings on stderr.
    pub fn error_style(&self) -> Style {
        Style { color: self.error_color, width: WIDTH }
    }

    /// Writes data to stdout.
    ///
    /// # Errors
    /// When stdout takes no more, except when its reader went away.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let result = io::stdout().lock().write_all(text.as_bytes());
        self.watch(result)
    }

    /// Makes sure that all data arrived.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub fn finish(&mut self) -> Result<(), Failure> {
        let result = io::stdout().lock().flush();
        self.watch(result)
    }

    fn watch(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::io("write to stdout", &error)),
            Ok(()) => Ok(()),
        }
    }

    /// Writes text that must be seen to stderr.
    pub fn note(&mut self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Writes a line of a summary to stderr, unless the user wants none.
    pub fn summary(&mut self, line: &str) {
        if !self.quiet {
            self.note(&format!("{}\n", escape::line(line)));
        }
    }

    /// Returns what `work` gives, and says how long it took when the user wants to know.
    pub fn timed<T>(&mut self, stage: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.took(stage, start);
        result
    }

    /// Says how long a stage took that began at `start`.
    pub fn took(&mut self, stage: &str, start: Instant) {
        if self.verbose {
            self.note(&format!("{stage:>8} {:8.1} ms\n", start.elapsed().as_secs_f64() * 1000.0));
        }
    }

    /// Prints why a command stopped and returns its exit code.
    pub fn failure(&mut self, failure: &Failure) -> Code {
        // What was printed before belongs above.
        let _ = io::stdout().lock().flush();
        self.note(&failure.text(self.error_color));
        failure.code
    }
}
