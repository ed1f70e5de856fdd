use std::{fs, io, path::Path};

use tempfile::TempDir;

/// The example vendor's folder.
pub const VENDOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/vendor");

/// Another vendor: a copy of the example's folder with edits, each of a file, of what must be in it, and of what shall be
/// there instead.
pub fn vendor_with(edits: &[(&str, &str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    copy(Path::new(VENDOR), folder.path()).expect("the vendor's folder can be copied");
    for (file, from, to) in edits {
        let file = folder.path().join(file);
        let text = fs::read_to_string(&file).expect("the file is part of a vendor's folder");
        assert!(text.contains(from), "{} has no {from:?}", file.display());
        fs::write(&file, text.replace(from, to)).expect("the copy can be written");
    }
    folder
}

/// The example vendor with documents that are quick to lay out, for tests that are about many of them.
pub fn plain_vendor() -> TempDir {
    let folder = vendor_with(&[]);
    let template = "#let data = json(\"document.json\")\n#set document(title: data.title)\n= #data.title\n";
    fs::write(folder.path().join("documents/document.typ"), template).expect("the copy can be written");
    folder
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
