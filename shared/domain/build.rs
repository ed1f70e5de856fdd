//! Writes the codes of ISO 3166 as plain bytes. The library's tables of names contain forty thousand pointers, which the
//! dynamic loader would relocate at every cold start of every function.

use std::{fs, io, path::PathBuf};

use rust_iso3166::{ALPHA2_MAP, iso3166_2::SUBDIVISION_MAP};

#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "this is how cargo and a build script speak")]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    fs::write(folder.join("countries"), in_order(ALPHA2_MAP.keys().copied(), 2))?;
    fs::write(folder.join("subdivisions"), in_order(SUBDIVISION_MAP.keys().copied(), 6))
}

/// The sorted codes, each padded with spaces to `width` bytes.
fn in_order<'c>(codes: impl Iterator<Item = &'c str>, width: usize) -> String {
    let mut codes: Vec<_> = codes.collect();
    codes.sort_unstable();
    assert!(codes.iter().all(|code| code.len() <= width), "ISO 3166 has a code of more than {width} bytes");
    codes.iter().map(|code| format!("{code:width$}")).collect()
}
