//! Packed charts: seeds, and what has to hold for any archive, held against the `tar` crate's own reading.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::read::GzDecoder;
use lakegen::helm::archive::{self, Budget};
use lakegen::helm::chart::Chart;

/// Charts as they are in an archive, without the compression.
pub fn seeds(tests: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for case in std::fs::read_dir(tests.join("charts"))? {
        let folder = case?.path().join("chart");
        let mut builder = tar::Builder::new(Vec::new());
        for path in super::files(&folder)? {
            let name = Path::new("chart").join(path.strip_prefix(&folder)?);
            let data = std::fs::read(&path)?;
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, &data[..])?;
        }
        all.push(builder.into_inner()?);
    }
    all.push(headers()?);
    all.sort();
    all.retain(|archive| archive.len() < 64 << 10);
    Ok(all)
}

/// An archive with headers of every kind that gives an entry another name or size.
fn headers() -> anyhow::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let chart: &[u8] = b"apiVersion: v2\nname: chart\nversion: 1.0.0\n";
    let entry = |builder: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, data: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, name, data)
    };
    entry(&mut builder, "pax_global_header", tar::EntryType::XGlobalHeader, b"11 comment=\n")?;
    entry(&mut builder, "chart/Chart.yaml", tar::EntryType::Regular, chart)?;
    builder.append_pax_extensions([("path", &b"chart/values.yaml"[..]), ("size", b"5")])?;
    entry(&mut builder, "chart/v", tar::EntryType::Regular, b"a: 1\n")?;
    entry(&mut builder, "././@LongLink", tar::EntryType::GNULongName, b"chart/templates/long-name.yaml\0")?;
    entry(&mut builder, "chart/templates/l", tar::EntryType::Regular, b"kind: X\n")?;
    entry(&mut builder, "chart/templates/", tar::EntryType::Directory, b"")?;
    Ok(builder.into_inner()?)
}

/// Unpacks bytes as they are, and packed.
pub fn unpacks(input: &[u8]) {
    // Bytes of a compressed stream are seldom worth changing, but sometimes.
    if input.first() == Some(&0x1f) {
        let _ = Chart::from_archive("fuzz", input);
        return;
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let packed = gzip.write_all(input).and_then(|()| gzip.finish()).expect("memory takes all");
    if let Ok(files) = archive::unpack(&packed, &mut Budget::default()) {
        let ours: BTreeMap<String, Vec<u8>> = files.into_iter().map(|f| (f.name, f.data.to_vec())).collect();
        assert_eq!(ours, read_by_the_crate(&packed), "two readers see different files");
    }
    if let Ok((chart, _)) = Chart::from_archive("fuzz", &packed) {
        let names: BTreeSet<&str> = chart.files.iter().chain(&chart.templates).map(|file| &*file.name).collect();
        let inside = |name: &&str| !name.starts_with('/') && !name.split('/').any(|part| part == "..");
        assert!(names.iter().all(inside), "a file stands outside of its chart: {names:?}");
        assert!(!chart.name().contains(['/', '\\']), "the chart's name is a path: {}", chart.name());
    }
    let mut raw = packed;
    if let Some(byte) = input.first().and_then(|first| raw.get_mut(usize::from(*first))) {
        *byte = byte.wrapping_add(1);
    }
    let _ = Chart::from_archive("fuzz", &raw);
}

/// The files of an archive as the `tar` crate resolves names and sizes, below the first folder of their paths.
fn read_by_the_crate(packed: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(GzDecoder::new(packed));
    for entry in archive.entries().expect("it was read once") {
        let mut entry = entry.expect("what we accept, the crate accepts");
        if !entry.header().entry_type().is_file() && !entry.header().entry_type().is_contiguous() {
            continue;
        }
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("what we accept is UTF-8");
        let mut data = Vec::new();
        entry.read_to_end(&mut data).expect("what we accept is whole");
        if path.ends_with('/') && data.is_empty() {
            continue; // A folder, as old archives write it.
        }
        let inside = path.strip_prefix("./").unwrap_or(&path).split_once('/').map_or("", |(_, inside)| inside);
        // Without a byte order mark, as our files are.
        let data = data.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(data);
        assert!(files.insert(inside.to_owned(), data).is_none(), "`{inside}` is there twice");
    }
    files
}
