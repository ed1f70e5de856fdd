//! The repository, as text.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::Table;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn toml(path: &Path) -> Table {
    read(path).parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is directly in a folder, sorted, without what is hidden, built or downloaded.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let own = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        !name.starts_with('.') && !matches!(name, "target" | "node_modules")
    };
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).filter(own).collect();
    entries.sort();
    entries
}

/// Every file and folder below a folder.
pub(crate) fn everything(folder: &Path) -> Vec<PathBuf> {
    entries(folder)
        .into_iter()
        .flat_map(|path| {
            let below = if path.is_dir() { everything(&path) } else { Vec::new() };
            std::iter::once(path).chain(below)
        })
        .collect()
}

/// The Rust files of a folder.
pub(crate) fn rust(folder: &Path) -> Vec<PathBuf> {
    everything(folder).into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

/// The code of a file: without comments that have a line of their own, and without the tests at its end.
pub(crate) fn code(path: &Path) -> String {
    let text = read(path);
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    lines.filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// A member of the workspace.
pub(crate) struct Member {
    /// Its folder, from the root: `shared/domain`.
    pub(crate) path: String,
    pub(crate) manifest: Table,
}

impl Member {
    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit('/').next().expect("a path has an end")
    }

    pub(crate) fn package(&self) -> &Table {
        self.manifest["package"].as_table().expect("[package]")
    }

    /// Everything that it depends on, to run, to build, to be tested, and for any target: name and specification.
    pub(crate) fn dependencies(&self) -> Vec<(String, toml::Value)> {
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        let targets = self.manifest.get("target").and_then(|targets| targets.as_table()).into_iter().flat_map(Table::values);
        let tables = std::iter::once(&self.manifest).chain(targets.filter_map(toml::Value::as_table));
        let tables = tables.flat_map(|table| kinds.into_iter().filter_map(|kind| table.get(kind)?.as_table()));
        tables.flatten().map(|(name, specification)| (name.clone(), specification.clone())).collect()
    }
}

/// The workspace's own manifest.
pub(crate) fn workspace() -> Table {
    toml(&root().join("Cargo.toml"))["workspace"].as_table().expect("[workspace]").clone()
}

/// Every member, as the workspace names them.
pub(crate) fn members() -> Vec<Member> {
    let root = root();
    let mut members = Vec::new();
    for pattern in workspace()["members"].as_array().expect("members").iter().map(|text| text.as_str().expect("a path")) {
        let folders = match pattern.strip_suffix("/*") {
            Some(parent) => entries(&root.join(parent)),
            None => vec![root.join(pattern)],
        };
        members.extend(folders.iter().filter(|folder| folder.join("Cargo.toml").exists()).map(|folder| Member {
            path: folder.strip_prefix(&root).expect("below the root").to_str().expect("UTF-8").to_owned(),
            manifest: toml(&folder.join("Cargo.toml")),
        }));
    }
    members
}
