//! The floor: what any tool must do that reads and writes these documents. Bytes come in, the same work is done as
//! plainly as possible, nothing is kept.
//!
//! libyaml is the fastest event reader and writer around, and it has no safe interface that costs nothing.
#![expect(unsafe_code, reason = "libyaml's own interface; the benchmark's floor must not pay for a wrapper")]

use std::mem::MaybeUninit;
use std::path::Path;

use anyhow::{Context, ensure};
use libyaml_rs as yaml;

/// A rendered tree: paths and bytes.
pub type Files = Vec<(String, Vec<u8>)>;

/// Writes the files below an empty folder.
pub fn write(files: &Files, folder: &Path) -> anyhow::Result<()> {
    let mut made = std::collections::BTreeSet::new();
    for (path, bytes) in files {
        let path = folder.join(path);
        let parent = path.parent().context("a file stands in a folder")?;
        if made.insert(parent.to_path_buf()) {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

/// Reads and writes every YAML file once, in memory.
pub fn reemit(files: &Files) -> anyhow::Result<Files> {
    let mut all = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let is_yaml = Path::new(path).extension().is_some_and(|end| end == "yaml");
        let bytes = if is_yaml { document(bytes).with_context(|| path.clone())? } else { bytes.clone() };
        all.push((path.clone(), bytes));
    }
    Ok(all)
}

/// Sends every event of the reader to the writer.
fn document(input: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut parser = MaybeUninit::<yaml::yaml_parser_t>::uninit();
    let mut emitter = MaybeUninit::<yaml::yaml_emitter_t>::uninit();
    let mut output = vec![0_u8; input.len() * 2 + 1024];
    let mut written = 0;
    // SAFETY: both are initialised before use and deleted after; `input` and `output` outlive them; the emitter takes
    // over each event that it is given, as libyaml's documentation of `yaml_emitter_emit` says.
    let done = unsafe {
        let (parser, emitter) = (parser.as_mut_ptr(), emitter.as_mut_ptr());
        ensure!(yaml::yaml_parser_initialize(parser).ok && yaml::yaml_emitter_initialize(emitter).ok, "no memory");
        yaml::yaml_parser_set_input_string(parser, input.as_ptr(), input.len() as u64);
        yaml::yaml_emitter_set_output_string(emitter, output.as_mut_ptr(), output.len() as u64, &raw mut written);
        yaml::yaml_emitter_set_unicode(emitter, true);
        yaml::yaml_emitter_set_width(emitter, -1);
        let mut done = false;
        loop {
            let mut event = MaybeUninit::<yaml::yaml_event_t>::uninit();
            if yaml::yaml_parser_parse(parser, event.as_mut_ptr()).fail {
                break;
            }
            let last = (*event.as_ptr()).type_ == yaml::YAML_STREAM_END_EVENT;
            if yaml::yaml_emitter_emit(emitter, event.as_mut_ptr()).fail {
                break;
            }
            if last {
                done = true;
                break;
            }
        }
        yaml::yaml_parser_delete(parser);
        yaml::yaml_emitter_delete(emitter);
        done
    };
    ensure!(done, "libyaml refuses it");
    output.truncate(usize::try_from(written)?);
    Ok(output)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_floor_writes_what_it_read() {
        let text = b"a: 1\nb:\n- x\n- \"yes\"\n".to_vec();
        let again = super::reemit(&vec![("f.yaml".into(), text.clone())]).expect("YAML");
        assert_eq!(String::from_utf8_lossy(&again[0].1), String::from_utf8_lossy(&text));
        assert!(super::reemit(&vec![("f.yaml".into(), b"a: [1".to_vec())]).is_err());
    }
}
