//! Writes the description of the API as a page for people: `openapi.yaml` as HTML, without scripts and without files of others.

mod node;
mod page;

use std::{error::Error, fs, path::PathBuf};

use crate::node::Node;

#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "this is how cargo and a build script speak")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=openapi.yaml");
    println!("cargo::rerun-if-changed=build");
    let folder = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo names a folder")?;
    let document: Node = serde_saphyr::from_str(&fs::read_to_string("openapi.yaml")?)?;
    fs::write(folder.join("docs.html"), page::of(&document))?;
    Ok(())
}
