//! Writes the names of ISO 3166-2 to one text file. The library's own table has some ten thousand pointers, which the dynamic
//! loader would relocate at every cold start.

use std::{fs, io, path::PathBuf};

use rust_iso3166::iso3166_2::SUBDIVISION_MAP;

#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a build script reports to cargo on standard output")]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    let mut regions: Vec<_> = SUBDIVISION_MAP.values().map(|region| format!("{}\t{}\n", region.code, region.name)).collect();
    regions.sort_unstable();
    fs::write(folder.join("regions"), regions.concat())
}
