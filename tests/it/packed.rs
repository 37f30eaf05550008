//! Charts that tests pack, and the lock that names them.

use lakegen::lock::{self, Lock, Locked};
use lakegen::world::charts::{Digest, vendored_path};

/// Returns a packed chart.
pub fn packed(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Returns the lock of charts (name, repository, version, bytes), and where each is vendored.
pub fn lock(charts: &[(&str, &str, &str, &[u8])]) -> (String, Vec<String>) {
    let one = |(name, repository, version, bytes): &(&str, &str, &str, &[u8])| Locked {
        name: (*name).to_owned(),
        repository: (*repository).to_owned(),
        wanted: (*version).to_owned(),
        version: (*version).to_owned(),
        digest: Digest::of(bytes),
        manifest: None,
        url: format!("{repository}/{name}-{version}.tgz"),
    };
    let places = charts.iter().map(|(name, _, version, bytes)| vendored_path(name, version, &Digest::of(bytes)));
    (lock::text(&Lock::new(charts.iter().map(one).collect())), places.collect())
}
