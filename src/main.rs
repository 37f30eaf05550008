//! scratch
use lakegen::{compile, diag, world};
fn main() {
    let root = std::env::args().nth(1).unwrap();
    let w = world::disk::DiskWorld::new(std::path::Path::new(&root));
    let c = compile::compile(&w, &compile::Request { file: std::env::args().nth(2).unwrap_or("platform.toml".into()) });
    println!(
        "{}",
        diag::render::render(
            &c.diagnostics,
            &c.sources,
            diag::render::Format::Full,
            diag::render::Style { color: false, width: 120 }
        )
    );
    if let Some(out) = std::env::args().nth(3) {
        for (p, b) in c.tree.files() {
            let f = std::path::Path::new(&out).join(p);
            std::fs::create_dir_all(f.parent().unwrap()).unwrap();
            std::fs::write(f, b).unwrap();
        }
    }
    println!("{} files", c.tree.len());
}
