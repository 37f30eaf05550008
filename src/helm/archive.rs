//! A packaged chart (`.tgz`) in, its files in memory out.
//!
//! An archive is hostile input: nothing is ever written, links are not followed, and every size has a bound that is
//! checked before memory is taken. Stricter than Helm 3.22 (`pkg/chart/loader/archive.go`) where two readers of one
//! archive could see different files: links, entries of the same name, sizes told twice, data after the end.

use std::hash::BuildHasher;
use std::io::{self, Read};
use std::sync::Arc;

use flate2::bufread::GzDecoder;
use tar::{Archive, Entry, EntryType};

use super::ChartError;

/// Bytes of one file, unpacked; Helm's limit too.
pub const MAX_FILE: u64 = 5 << 20;
/// Bytes of a chart with all charts packed inside it, unpacked; for one archive it is Helm's limit too.
pub const MAX_UNPACKED: u64 = 100 << 20;
/// Bytes of a packed chart.
pub const MAX_PACKED: usize = 10 << 20;
/// Entries of a chart with all charts packed inside it.
pub const MAX_ENTRIES: usize = 10_000;
/// How many times larger than the archive its content may be, when it is larger than 8 MiB.
const MAX_RATIO: u64 = 200;
const RATIO_FREE: u64 = 8 << 20;
/// Bytes of a path, and of the headers that carry long ones.
const MAX_PATH: usize = 1024;
const MAX_HEADER: u64 = 64 << 10;

/// A file of a chart; a copy shares the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the chart, with `/`.
    pub name: String,
    /// Without a byte order mark.
    pub data: Arc<[u8]>,
}

impl File {
    /// Makes a file, without its byte order mark.
    pub fn new(name: impl Into<String>, data: &[u8]) -> Self {
        Self { name: name.into(), data: data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data).into() }
    }

    /// Returns a hash of the content, for finding what was made of it; who finds something compares the content too.
    pub fn fingerprint(&self) -> u64 {
        foldhash::fast::FixedState::with_seed(7).hash_one(&*self.data)
    }

    /// Returns the text, when it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.data).ok()
    }
}

/// What a chart may still use, over all archives in one another.
#[derive(Clone, Debug)]
pub struct Budget {
    bytes: u64,
    entries: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: MAX_UNPACKED, entries: MAX_ENTRIES }
    }
}

impl Budget {
    /// Takes a file of a folder from the budget.
    ///
    /// # Errors
    /// Names the limit that is crossed.
    pub fn take(&mut self, name: &str, size: u64) -> Result<(), ChartError> {
        let problem = if size > MAX_FILE {
            format!("the file is larger than {} MiB", MAX_FILE >> 20)
        } else if size > self.bytes {
            format!("the chart is larger than {} MiB unpacked", MAX_UNPACKED >> 20)
        } else if self.entries == 0 {
            format!("the chart has more than {MAX_ENTRIES} files")
        } else {
            self.bytes -= size;
            self.entries -= 1;
            return Ok(());
        };
        Err(ChartError::new("", shown(name), problem))
    }
}

/// Unpacks an archive into memory; names are relative to the chart, in the order of the archive.
///
/// # Errors
/// The first thing in the archive that is not safe or crosses a limit.
pub fn unpack(packed: &[u8], budget: &mut Budget) -> Result<Vec<File>, ChartError> {
    if packed.len() > MAX_PACKED {
        return Err(refused("", format!("the archive is larger than {} MiB", MAX_PACKED >> 20)));
    }
    if !packed.starts_with(b"\x1f\x8b\x08") {
        return Err(refused("", "this is not a gzip archive"));
    }
    // Headers count as well, so an archive of nothing but headers ends somewhere.
    let ratio = (packed.len() as u64).saturating_mul(MAX_RATIO).max(RATIO_FREE);
    let overhead = (budget.entries as u64 + 1) * 2048;
    let limit = ratio.min(budget.bytes + overhead);
    let mut stream = Limited { inner: GzDecoder::new(packed), left: limit, crossed: false };
    let outcome = Archive::new(&mut stream)
        .entries()
        .map_err(|error| broken(&error))
        .and_then(|entries| collect(entries.raw(true), budget))
        .and_then(|files| ended(&mut stream).map(|()| files));
    if stream.crossed {
        let message = if limit == ratio {
            format!("the archive unpacks to more than {MAX_RATIO} times its size")
        } else {
            format!("the chart is larger than {} MiB unpacked", MAX_UNPACKED >> 20)
        };
        return Err(refused("", message));
    }
    let files = outcome?;
    if !stream.inner.into_inner().iter().all(|byte| *byte == 0) {
        return Err(refused("", "there is data after the end of the archive"));
    }
    if files.is_empty() {
        return Err(refused("", "the archive has no files"));
    }
    Ok(files)
}

/// Reads to the end, where only zeros may stand, so that the checksum of the archive is checked too.
fn ended(stream: &mut impl Read) -> Result<(), ChartError> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) if buffer[..count].iter().all(|byte| *byte == 0) => {}
            Ok(_) => return Err(refused("", "there is data after the last file of the archive")),
            Err(error) => return Err(broken(&error)),
        }
    }
}

fn collect<'a, R: Read + 'a>(
    entries: impl Iterator<Item = io::Result<Entry<'a, R>>>,
    budget: &mut Budget,
) -> Result<Vec<File>, ChartError> {
    let mut files: Vec<File> = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    // The long name that the headers before an entry gave it.
    let mut long_name: Option<Vec<u8>> = None;
    let mut told_size = None;
    for entry in entries {
        let mut entry = entry.map_err(|error| broken(&error))?;
        if budget.entries == 0 {
            return Err(refused("", format!("the archive has more than {MAX_ENTRIES} entries")));
        }
        budget.entries -= 1;
        let size = entry.header().entry_size().map_err(|error| broken(&error))?;
        let header_name = entry.header().path_bytes().into_owned();
        match entry.header().entry_type() {
            EntryType::XGlobalHeader => {
                for (key, _) in records(&small(&mut entry, size)?)? {
                    if matches!(key.as_str(), "path" | "linkpath" | "size") {
                        let message = format!("a global header sets `{key}` of all entries");
                        return Err(refused(&lossy(&header_name), message));
                    }
                }
                continue;
            }
            EntryType::XHeader => {
                for (key, value) in records(&small(&mut entry, size)?)? {
                    match key.as_str() {
                        "path" => name_once(&mut long_name, value)?,
                        "size" => told_size = Some(value),
                        key if key.starts_with("GNU.sparse.") => return Err(sparse(&header_name)),
                        _ => {}
                    }
                }
                continue;
            }
            EntryType::GNULongName => {
                let mut name = small(&mut entry, size)?;
                if name.last() == Some(&0) {
                    name.pop();
                }
                name_once(&mut long_name, name)?;
                continue;
            }
            _ => {}
        }
        let raw_name = long_name.take().unwrap_or(header_name);
        if told_size.take().is_some_and(|told| told != size.to_string().into_bytes()) {
            return Err(refused(&lossy(&raw_name), "the archive has two sizes for this file"));
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous if raw_name.ends_with(b"/") && size == 0 => continue,
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::GNUSparse => return Err(sparse(&raw_name)),
            EntryType::Symlink | EntryType::Link | EntryType::GNULongLink => {
                let error = refused(&lossy(&raw_name), "the archive has a link, which could read another file");
                return Err(error.help("package the chart with `helm package`, which stores the file itself"));
            }
            _ => {
                return Err(refused(&lossy(&raw_name), "the archive has an entry that is neither a file nor a folder"));
            }
        }
        let name = path_in_chart(&raw_name)?;
        if !names.insert(name.clone()) {
            return Err(refused(&name, "the archive has two files of this name"));
        }
        budget.entries += 1; // Taken again with its size.
        budget.take(&name, size)?;
        let mut data = Vec::new();
        (&mut entry).take(size).read_to_end(&mut data).map_err(|error| broken(&error))?;
        if data.len() as u64 != size {
            return Err(refused(&name, "the archive ends inside this file"));
        }
        files.push(File::new(name, &data));
    }
    if long_name.is_some() {
        return Err(refused("", "the archive ends after a file name"));
    }
    Ok(files)
}

fn name_once(slot: &mut Option<Vec<u8>>, name: Vec<u8>) -> Result<(), ChartError> {
    match slot.replace(name) {
        None => Ok(()),
        Some(first) => Err(refused(&lossy(&first), "the archive has two names for this file")),
    }
}

/// Reads the content of a header that belongs to the next entry.
fn small<R: Read>(entry: &mut Entry<'_, R>, size: u64) -> Result<Vec<u8>, ChartError> {
    if size > MAX_HEADER {
        return Err(refused("", format!("a header of the archive is larger than {} KiB", MAX_HEADER >> 10)));
    }
    let mut data = Vec::new();
    entry.take(size).read_to_end(&mut data).map_err(|error| broken(&error))?;
    Ok(data)
}

/// Reads the records of a PAX header, `<length> <key>=<value>\n` each, where the length counts all of it.
fn records(data: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ChartError> {
    let bad = || refused("", "a PAX header of the archive is malformed");
    let mut found = Vec::new();
    let mut rest = data;
    while !rest.is_empty() && rest.iter().any(|byte| *byte != 0) {
        let blank = rest.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
        let digits = std::str::from_utf8(&rest[..blank]).map_err(|_| bad())?;
        let length: usize = digits.parse().map_err(|_| bad())?;
        let record = rest.get(blank + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(bad)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
        found.push((lossy(&record[..equals]), record[equals + 1..].to_vec()));
        rest = &rest[length..];
    }
    Ok(found)
}

/// Takes the folder of the chart off a path of the archive.
fn path_in_chart(raw: &[u8]) -> Result<String, ChartError> {
    let Ok(path) = std::str::from_utf8(raw) else {
        return Err(refused(&lossy(raw), "the archive has a name that is not UTF-8"));
    };
    // `tar -C chart .` calls the chart's folder `.`, which Helm takes.
    check_path(path.strip_prefix("./").unwrap_or(path))?;
    match path.split_once('/') {
        Some(("Chart.yaml", _)) => Err(refused(path, "`Chart.yaml` is a folder")),
        Some((_, inside)) => Ok(inside.to_owned()),
        None => {
            let error = refused(path, "the archive has a file outside the chart's folder");
            Err(error.help("package the chart with `helm package`, which puts all files into one folder"))
        }
    }
}

/// Checks that a path stays below its folder on every system and can be shown.
///
/// # Errors
/// Says what is not safe.
pub fn check_path(path: &str) -> Result<(), ChartError> {
    let drive = |part: &str| part.as_bytes().get(1) == Some(&b':') && part.as_bytes()[0].is_ascii_alphabetic();
    let problem = if path.len() > MAX_PATH {
        "the path is longer than 1024 bytes"
    } else if path.starts_with('/') {
        "the path is absolute"
    } else if path.contains('\\') {
        "the path has a backslash, which only separates folders on Windows"
    } else if path.split('/').any(|part| part == "..") {
        "the path leaves the chart through `..`"
    } else if path.split('/').any(|part| part.is_empty() || part == ".") {
        "the path has an empty part or `.`"
    } else if path.split('/').any(drive) {
        "the path begins with a drive letter"
    } else if path.chars().any(|c| c.is_control() || is_invisible(c)) {
        "the path has invisible characters"
    } else {
        return Ok(());
    };
    Err(refused(path, problem))
}

/// Says whether a character changes how the text around it is shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn lossy(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}

/// Shortens and escapes a name of the archive for a message.
fn shown(name: &str) -> String {
    name.chars().take(120).flat_map(char::escape_debug).collect()
}

fn refused(name: &str, message: impl Into<String>) -> ChartError {
    ChartError::new("", shown(name), message)
}

fn sparse(name: &[u8]) -> ChartError {
    refused(&lossy(name), "the archive has a sparse file")
}

fn broken(error: &io::Error) -> ChartError {
    let problem: String = error.to_string().chars().take(200).flat_map(char::escape_debug).collect();
    refused("", format!("the archive is damaged: {problem}")).help("fetch it again")
}

/// Ends with an error when more comes out than may.
struct Limited<R> {
    inner: R,
    left: u64,
    crossed: bool,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(left) = self.left.checked_sub(count as u64) {
            self.left = left;
        } else {
            self.crossed = true;
            return Err(io::Error::other("it is too large"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    use tar::{Builder, Header};

    fn packed(tar: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(tar).unwrap();
        encoder.finish().unwrap()
    }

    /// Writes an entry as told, whatever its name is.
    fn entry(kind: EntryType, name: &str, size: u64, data: &[u8]) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        let mut out = header.as_bytes().to_vec();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }

    fn file(name: &str, data: &[u8]) -> Vec<u8> {
        entry(EntryType::Regular, name, data.len() as u64, data)
    }

    fn pax(kind: EntryType, key: &str, value: &str) -> Vec<u8> {
        let rest = format!(" {key}={value}\n");
        let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).unwrap();
        let record = format!("{length}{rest}");
        entry(kind, "pax", record.len() as u64, record.as_bytes())
    }

    fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
        packed(&[entries.concat(), vec![0; 1024]].concat())
    }

    fn read(packed: &[u8]) -> Result<Vec<File>, ChartError> {
        unpack(packed, &mut Budget::default())
    }

    #[track_caller]
    fn refuses(entries: &[Vec<u8>], with: &str) {
        let error = read(&archive(entries)).unwrap_err();
        assert!(error.to_string().contains(with), "{error}");
    }

    #[test]
    fn an_ordinary_archive_is_read_in_its_order() {
        let long = format!("c/templates/{}.yaml", "x".repeat(150));
        let mut builder = Builder::new(Vec::new());
        for (name, data) in [("c/values.yaml", &b"\xef\xbb\xbfa: 1"[..]), ("c/Chart.yaml", b"name: c"), (&long, b"x")] {
            let mut header = Header::new_gnu();
            header.set_size(data.len() as u64);
            builder.append_data(&mut header, name, data).unwrap();
        }
        let files = read(&packed(&builder.into_inner().unwrap())).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["values.yaml", "Chart.yaml", long.strip_prefix("c/").unwrap()]);
        assert_eq!(files[0].text(), Some("a: 1"));
        let github = [pax(EntryType::XGlobalHeader, "comment", "sha"), file("./Chart.yaml", b"name: c")];
        assert_eq!(read(&archive(&github)).unwrap()[0].name, "Chart.yaml");
        let pax_name = [pax(EntryType::XHeader, "path", "c/über.yaml"), file("short", b"x")];
        assert_eq!(read(&archive(&pax_name)).unwrap()[0].name, "über.yaml");
    }

    #[test]
    fn paths_stay_in_the_chart() {
        for (name, why) in [
            ("c/../../evil", "leaves the chart through `..`"),
            ("../evil", "leaves the chart through `..`"),
            ("/etc/passwd", "absolute"),
            ("c//etc/passwd", "empty part or `.`"),
            ("c/./a", "empty part or `.`"),
            ("c\\templates\\a.yaml", "backslash"),
            ("c/C:/windows/a", "drive letter"),
            ("C:/windows/a", "drive letter"),
            ("loose.yaml", "outside the chart's folder"),
            ("Chart.yaml/x", "`Chart.yaml` is a folder"),
            ("c/a\u{1b}[31m", "invisible characters"),
            ("c/a\u{202e}", "invisible characters"),
        ] {
            refuses(&[file(name, b"x")], why);
        }
        let mut invalid = file("c/a?", b"x");
        let at = invalid.iter().position(|byte| *byte == b'?').unwrap();
        invalid[at] = 0xff;
        let sum: u32 = (0..512).map(|i| if (148..156).contains(&i) { 32 } else { u32::from(invalid[i]) }).sum();
        invalid[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        refuses(&[invalid], "not UTF-8");
        refuses(&[pax(EntryType::XHeader, "path", "c/../../evil"), file("c/a", b"x")], "leaves the chart");
        let long = format!("c/{}", "x/".repeat(600));
        let name = entry(EntryType::GNULongName, "././@LongLink", long.len() as u64, long.as_bytes());
        refuses(&[name, file("c/a", b"x")], "longer than 1024 bytes");
    }

    #[test]
    fn links_devices_and_disguises_are_refused() {
        for (kind, why) in [
            (EntryType::Symlink, "has a link"),
            (EntryType::Link, "has a link"),
            (EntryType::GNULongLink, "has a link"),
            (EntryType::Char, "neither a file nor a folder"),
            (EntryType::Block, "neither a file nor a folder"),
            (EntryType::Fifo, "neither a file nor a folder"),
            (EntryType::GNUSparse, "sparse"),
            (EntryType::new(b'Z'), "neither a file nor a folder"),
        ] {
            refuses(&[file("c/Chart.yaml", b"x"), entry(kind, "c/evil", 0, b"")], why);
        }
        let a = || file("c/a", b"xyz");
        refuses(&[a(), a()], "two files of this name");
        refuses(&[pax(EntryType::XHeader, "size", "600"), a()], "two sizes");
        assert_eq!(read(&archive(&[pax(EntryType::XHeader, "size", "3"), a()])).unwrap()[0].text(), Some("xyz"));
        refuses(&[pax(EntryType::XHeader, "GNU.sparse.major", "1"), a()], "sparse");
        refuses(&[pax(EntryType::XGlobalHeader, "path", "c/evil"), a()], "sets `path` of all entries");
        refuses(&[pax(EntryType::XHeader, "path", "c/b"), pax(EntryType::XHeader, "path", "c/d"), a()], "two names");
        refuses(&[a(), pax(EntryType::XHeader, "path", "c/b")], "ends after a file name");
        for broken in ["99999999999999999999999 a=b\n", "3 a=b\n", "0 \n", "xx\n", "6 a=bc"] {
            let header = entry(EntryType::XHeader, "pax", broken.len() as u64, broken.as_bytes());
            refuses(&[header, a()], "malformed");
        }
    }

    #[test]
    fn bombs_are_refused_early() {
        let zeros = vec![0_u8; 30 << 20];
        refuses(&[entry(EntryType::Regular, "c/a", 6 << 20, &zeros[..6 << 20])], "larger than 5 MiB");
        // Sizes that lie, up to the largest that fits.
        refuses(&[entry(EntryType::Regular, "c/a", u64::MAX >> 8, b"x")], "larger than 5 MiB");
        refuses(&[entry(EntryType::Regular, "c/a", 5 << 20, b"x")], "ends inside this file");
        refuses(&[entry(EntryType::XHeader, "pax", 1 << 20, &zeros[..1 << 20])], "larger than 64 KiB");
        refuses(&[entry(EntryType::Directory, "c/", u64::MAX >> 8, b"x")], "");
        let one = entry(EntryType::Regular, "c/a", 5 << 20, &zeros[..5 << 20]);
        let other = entry(EntryType::Regular, "c/b", 5 << 20, &zeros[..5 << 20]);
        refuses(&[one, other], "more than 200 times its size");
        refuses(&[file("c/a", b"x"), zeros], "more than 200 times its size");
        let many: Vec<_> = (0..100_000).map(|_| entry(EntryType::Directory, "c/", 0, b"")).collect();
        refuses(&many, "more than 10000 entries");
        let noise = |seed: u64| {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            // Every eighth byte is random, so that this packs below 200:1 and below 10 MiB in all.
            (0..5 << 20).map(|i| if i % 64 == 0 { next() } else { 0 }).collect::<Vec<u8>>()
        };
        let large: Vec<_> = (0..21).map(|i| file(&format!("c/{i}"), &noise(i))).collect();
        refuses(&large, "larger than 100 MiB");
        let error = unpack(&vec![0x1f; 11 << 20], &mut Budget::default()).unwrap_err();
        assert_eq!(error.message, "the archive is larger than 10 MiB");
    }

    #[test]
    fn nothing_follows_the_end() {
        let good = archive(&[file("c/a", b"x")]);
        read(&good).unwrap();
        let fails = |packed: &[u8], with: &str| {
            let error = read(packed).unwrap_err();
            assert!(error.message.contains(with), "{error}");
        };
        fails(&[good.clone(), good.clone()].concat(), "after the end of the archive");
        fails(&[good.clone(), b"garbage".to_vec()].concat(), "after the end of the archive");
        read(&[good.clone(), vec![0; 600]].concat()).unwrap();
        let tail = [file("c/a", b"x"), vec![0; 1024], file("c/hidden", b"x")].concat();
        fails(&packed(&tail), "after the last file");
        for cut in [0, 5, 30, good.len() / 2, good.len() - 1] {
            read(&good[..cut]).unwrap_err();
        }
        for at in 10..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 0x55;
            // What still reads is the same: the checksum of the archive is always looked at.
            if let Ok(files) = read(&flipped) {
                assert_eq!(files, read(&good).unwrap(), "{at}");
            }
        }
        fails(b"", "not a gzip archive");
        fails(b"PK\x03\x04", "not a gzip archive");
        fails(&archive(&[]), "no files");
    }
}
