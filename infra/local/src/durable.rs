//! Files that are complete or absent: written to a temporary name, synced, renamed, and the directory synced.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// The extension of a file that is not complete yet.
const DRAFT: &str = "new";

/// Creates a directory and its parents, for its owner only. An existing directory is not changed.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes or replaces the file, for its owner only. After `Ok` the bytes survive a crash; before, a reader sees the previous
/// content. A retry is safe, but two writers must not write one file at the same time. An error leaves no draft behind, for example
/// when the disk is full.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(DRAFT);
    let written = draft_of(&draft, bytes).and_then(|()| rename(&draft, path));
    if written.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

fn draft_of(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames a file that is synced, and syncs the directory: after `Ok` the new name survives a crash.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    match to.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Deletes the drafts that a crash has left in a directory. No writer may use the directory meanwhile.
pub(crate) fn remove_drafts(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == DRAFT) && path.is_file() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_left_by_a_crash_is_replaced_and_never_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("place.json");
        write(&path, b"one").unwrap();
        std::fs::write(dir.path().join("place.new"), b"half of something long").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// Finding A11: every letter that could not be stored left a draft.
    #[test]
    fn a11_a_write_that_fails_leaves_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("letter.eml");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("in the way"), "").unwrap();
        write(&path, b"a letter").unwrap_err();
        let names = || std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names(), ["letter.eml"]);

        std::fs::write(dir.path().join("other.new"), b"left by a crash").unwrap();
        remove_drafts(dir.path()).unwrap();
        assert_eq!(names(), ["letter.eml"]);
    }
}
