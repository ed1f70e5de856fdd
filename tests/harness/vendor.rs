use std::{fs, io, path::Path};

use tempfile::TempDir;

/// The example vendor's folder.
pub const VENDOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/vendor");

/// What the worked examples' vendor has other than the example vendor: the policy of their reference data.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor");

/// A change of a vendor's folder: of a file, of what must be in it, and of what shall be there instead.
pub type Edit<'e> = (&'e str, &'e str, &'e str);

/// Another vendor: a copy of the example's folder with edits.
pub fn vendor_with(edits: &[Edit<'_>]) -> TempDir {
    let folder = folder_of(&[VENDOR]);
    edit(folder.path(), edits);
    folder
}

/// The example vendor with documents that are quick to lay out, for tests that are about many of them.
pub fn plain_vendor() -> TempDir {
    let folder = folder_of(&[VENDOR]);
    plain(folder.path());
    folder
}

/// The worked examples' vendor, with edits; its documents are quick to lay out.
pub fn examples_vendor(edits: &[Edit<'_>]) -> TempDir {
    let folder = examples_vendor_with_documents(edits);
    plain(folder.path());
    folder
}

/// The worked examples' vendor, with edits, and with the documents of the example vendor.
pub fn examples_vendor_with_documents(edits: &[Edit<'_>]) -> TempDir {
    let folder = folder_of(&[VENDOR, EXAMPLES]);
    edit(folder.path(), edits);
    folder
}

/// A copy of folders, one laid over the other.
fn folder_of(layers: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for layer in layers {
        copy(Path::new(layer), folder.path()).expect("the vendor's folder can be copied");
    }
    folder
}

fn edit(folder: &Path, edits: &[Edit<'_>]) {
    for (file, from, to) in edits {
        let file = folder.join(file);
        let text = fs::read_to_string(&file).expect("the file is part of a vendor's folder");
        assert!(text.contains(from), "{} has no {from:?}", file.display());
        fs::write(&file, text.replace(from, to)).expect("the copy can be written");
    }
}

fn plain(folder: &Path) {
    let template = "#let data = json(\"document.json\")\n#set document(title: data.title)\n= #data.title\n";
    fs::write(folder.join("documents/document.typ"), template).expect("the copy can be written");
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
