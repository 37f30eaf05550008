//! Charts in one file, to carry across to where there is no network: a tar of packed charts out, and in again.
//!
//! The same charts give the same bytes. Coming in, no name of an entry means anything: an entry is the chart whose digest
//! its bytes have, or nothing, so a bundle can neither choose where it is written nor bring what the lock does not name.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use tar::{Archive, Builder, EntryType, Header};

use crate::lock::Locked;
use crate::world::charts::{Digest, MAX_CHART_BYTES};

/// The lock's copy in a bundle: for people who look into it.
const LOCK: &str = "lakegen.lock";
/// Most entries of a bundle.
const MAX_ENTRIES: usize = 10_000;

/// Writes a bundle of charts, in the order of the lock.
///
/// # Errors
/// What the system says.
pub fn write(into: impl Write, lock: &str, charts: &[(&Locked, &[u8])]) -> io::Result<()> {
    let mut builder = Builder::new(into);
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_entry_type(EntryType::Regular);
        builder.append_data(&mut header, name, bytes)
    };
    add(LOCK, lock.as_bytes())?;
    let mut written: Vec<Digest> = Vec::new();
    for (chart, bytes) in charts {
        if !written.contains(&chart.digest) {
            written.push(chart.digest);
            add(&format!("sha256/{}.tgz", chart.digest.hex()), bytes)?;
        }
    }
    builder.into_inner()?.flush()
}

/// Why a bundle cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// It is no bundle; a sentence about it.
    Odd(String),
    Io(io::Error),
}

/// Reads the charts of a bundle that are `wanted`, one at a time; says how many others it holds.
///
/// # Errors
/// When it is no bundle, or `take` fails.
pub fn read(
    from: impl Read,
    wanted: &[Digest],
    mut take: impl FnMut(Digest, Vec<u8>) -> io::Result<()>,
) -> Result<usize, Unreadable> {
    let mut archive = Archive::new(from);
    let broken = |_: io::Error| Unreadable::Odd("it is not a tar archive, or it is truncated".into());
    let mut others = BTreeSet::new();
    // Raw: what other formats hide in extra entries is not read, so nobody can see another archive than we do.
    for (count, entry) in archive.entries().map_err(broken)?.raw(true).enumerate() {
        let mut entry = entry.map_err(broken)?;
        if count == MAX_ENTRIES {
            return Err(Unreadable::Odd(format!("it contains more than {MAX_ENTRIES} files")));
        }
        let size = entry.header().entry_size().map_err(broken)?;
        if entry.header().entry_type() != EntryType::Regular {
            return Err(Unreadable::Odd(
                "it contains an entry that is not a file, so `lakegen fetch --export` did not create it".into(),
            ));
        }
        if size > MAX_CHART_BYTES {
            return Err(Unreadable::Odd(format!("it contains a file larger than {} MiB", MAX_CHART_BYTES >> 20)));
        }
        let is_lock = entry.path_bytes().as_ref() == LOCK.as_bytes();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 != size {
            return Err(Unreadable::Odd("it is truncated".into()));
        }
        if is_lock {
            continue;
        }
        let digest = Digest::of(&bytes);
        if wanted.contains(&digest) {
            take(digest, bytes).map_err(Unreadable::Io)?;
        } else {
            others.insert(digest);
        }
    }
    Ok(others.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(bytes: &[u8]) -> Locked {
        Locked {
            name: "a".into(),
            repository: "https://h".into(),
            wanted: "1".into(),
            version: "1".into(),
            digest: Digest::of(bytes),
            manifest: None,
            url: "https://h/a.tgz".into(),
        }
    }

    fn bundle() -> Vec<u8> {
        let (a, b) = (locked(b"a"), locked(b"b"));
        let mut out = Vec::new();
        write(&mut out, "edition = 1\n", &[(&a, b"a"), (&b, b"b"), (&a, b"a")]).unwrap();
        out
    }

    fn taken(bundle: &[u8], wanted: &[Digest]) -> Result<(Vec<Digest>, usize), Unreadable> {
        let mut all = Vec::new();
        let others = read(bundle, wanted, |digest, bytes| {
            assert_eq!(Digest::of(&bytes), digest);
            all.push(digest);
            Ok(())
        })?;
        Ok((all, others))
    }

    #[test]
    fn only_what_is_wanted_comes_in() {
        assert_eq!(bundle(), bundle());
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(taken(&bundle(), &[a, b]).unwrap(), (vec![a, b], 0));
        assert_eq!(taken(&bundle(), &[b]).unwrap(), (vec![b], 1));
    }

    /// T60: links, devices, lies about sizes, other formats' extra entries, cut archives.
    #[test]
    fn t60_odd_bundles() {
        let wanted = [Digest::of(b"a")];
        let whole = bundle();
        for cut in [1, 511, 600, 1100, 1537] {
            assert!(taken(&whole[..cut], &wanted).is_err(), "{cut}");
        }
        // Between two entries a cut shows only by what is missing, which the command reports.
        assert_eq!(taken(&whole[..1024], &wanted).unwrap().0, []);
        assert!(taken(b"<html>", &wanted).is_err());
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::XHeader, EntryType::GNULongName] {
            let mut builder = Builder::new(Vec::new());
            let mut header = Header::new_ustar();
            header.set_size(0);
            header.set_entry_type(kind);
            header.set_path("x").unwrap();
            header.set_cksum();
            builder.append(&header, &b""[..]).unwrap();
            assert!(taken(&builder.into_inner().unwrap(), &wanted).is_err(), "{kind:?}");
        }
        let mut builder = Builder::new(Vec::new());
        let mut header = Header::new_ustar();
        header.set_size(MAX_CHART_BYTES + 1);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
        assert!(taken(&builder.into_inner().unwrap(), &wanted).is_err());
    }
}
