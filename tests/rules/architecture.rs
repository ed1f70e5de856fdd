//! Who may import whom, what the domain may not know, and what every member has in common.

use std::{collections::BTreeMap, path::Path, process::Command};

use super::sources::{Member, code, entries, everything, members, read, root, rust, workspace};

/// Which crates may import which. `folder/*` stands for every member in a folder; a member without a row imports no other member.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("shared/domain", &[]),
    ("shared/contract", &["shared/domain"]),
    ("shared/store", &["shared/domain"]),
    ("shared/typesetting", &["shared/domain"]),
    ("shared/licensing", &["shared/domain"]),
    ("shared/runtime", &["shared/contract", "shared/store", "shared/domain"]),
    // The web front is a client of the API: it has no table, no keys and no rules.
    ("functions/pages", &["shared/contract", "shared/templates", "shared/runtime"]),
    ("functions/*", &["shared/*"]),
    ("infra/local", &["functions/*", "shared/*"]),
    ("infra/cli", &["shared/contract", "shared/licensing"]),
    ("tests", &["shared/*", "functions/*", "infra/*"]),
    ("tests/*", &["shared/*", "functions/*", "infra/*", "tests"]),
    ("tests/bench/*", &["shared/*", "functions/*", "infra/*"]),
];

/// Typst is large: only these may carry it.
const MAY_TYPESET: &[&str] = &["functions/documents", "functions/notifications", "infra/local", "tests"];

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(folder) => path.strip_prefix(folder).is_some_and(|rest| !rest.contains('/')),
        None => pattern == path,
    }
}

fn may_import(importer: &str, imported: &str) -> bool {
    let row = MAY_IMPORT.iter().find(|(pattern, _)| fits(pattern, importer));
    let admitted = row.is_some_and(|(_, patterns)| patterns.iter().any(|pattern| fits(pattern, imported)));
    admitted && (imported != "shared/typesetting" || MAY_TYPESET.contains(&importer))
}

/// Fails with every fault at once.
#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n  {}", faults.join("\n  "));
}

#[test]
fn the_table_of_imports_says_what_the_design_says() {
    for (importer, imported) in [
        ("shared/contract", "shared/domain"),
        ("functions/quotes", "shared/runtime"),
        ("functions/desk", "shared/store"),
        ("functions/documents", "shared/typesetting"),
        ("infra/local", "functions/quotes"),
        ("functions/pages", "shared/contract"),
        ("infra/cli", "shared/licensing"),
        ("tests", "infra/local"),
        ("tests/faults", "tests"),
    ] {
        assert!(may_import(importer, imported), "{importer} → {imported}");
    }
    for (importer, imported) in [
        ("shared/domain", "shared/contract"),
        ("shared/store", "shared/contract"),
        ("shared/contract", "shared/store"),
        ("shared/licensing", "shared/store"),
        ("shared/runtime", "functions/quotes"),
        ("shared/runtime", "shared/typesetting"),
        ("functions/quotes", "functions/payments"),
        ("functions/desk", "functions/quotes"),
        ("functions/desk", "shared/typesetting"),
        ("functions/quotes", "shared/typesetting"),
        ("functions/quotes", "infra/local"),
        ("functions/quotes", "tests"),
        ("functions/pages", "shared/store"),
        ("functions/pages", "shared/domain"),
        ("infra/local", "tests"),
        ("infra/cli", "shared/store"),
        ("infra/cli", "shared/runtime"),
        ("shared/domain", "tests"),
        ("shared/store", "shared/runtime"),
        ("shared/typesetting", "shared/contract"),
        ("shared/a-new-crate", "shared/domain"),
    ] {
        assert!(!may_import(importer, imported), "{importer} → {imported}");
    }
}

#[test]
fn crates_import_only_what_they_may() {
    let members = members();
    let paths: BTreeMap<_, _> =
        members.iter().map(|member| (member.package()["name"].as_str().expect("a name"), &*member.path)).collect();
    assert_eq!(paths.len(), members.len(), "every package has a name of its own");
    let mut imports = 0;
    let mut faults = Vec::new();
    for importer in &members {
        for (name, _) in importer.dependencies() {
            let Some(imported) = paths.get(&*name) else { continue };
            imports += 1;
            if !may_import(&importer.path, imported) {
                faults.push(format!("{} must not import {imported}", importer.path));
            }
        }
    }
    assert!(imports > 30, "only {imports} imports were found: is this reading the right manifests?");
    assert_none(&faults);
}

/// Renaming a dependency, or naming it by its path, would lead around the table.
#[test]
fn every_dependency_has_one_version_which_the_workspace_names() {
    let mut faults = Vec::new();
    for member in members() {
        for (name, specification) in member.dependencies() {
            let keys: Vec<_> = specification.as_table().into_iter().flat_map(|table| table.keys()).collect();
            let inherited = specification.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            if !inherited || keys.iter().any(|key| !matches!(&***key, "workspace" | "features" | "optional")) {
                faults.push(format!("{}: `{name}` must be `workspace = true`, with features at most", member.path));
            }
        }
    }
    for (name, specification) in workspace()["dependencies"].as_table().expect("[workspace.dependencies]") {
        if specification.get("package").is_some() || specification.get("git").is_some() {
            faults.push(format!("the workspace's `{name}` is renamed, or is not from crates.io"));
        }
    }
    assert_none(&faults);
}

/// No waiting, no AWS, no web, no randomness, at any depth. What only runs in the compiler does not count.
#[test]
fn the_domain_depends_on_nothing_that_asks_the_world() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "domain", "--edges", "normal,no-proc-macro", "--prefix", "none", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"domain") && names.contains(&"jiff"), "{tree}");
    let worldly = |name: &&&str| {
        const FAMILIES: &[&str] = &["aws", "tokio", "axum", "hyper", "lambda", "rand", "futures", "async"];
        const ALONE: &[&str] = &["uuid", "getrandom", "fastrand", "mio", "socket2", "reqwest", "rusqlite", "chrono", "tracing"];
        ALONE.contains(*name) || FAMILIES.contains(&name.split(['-', '_']).next().unwrap_or_default())
    };
    let worldly: Vec<_> = names.iter().filter(worldly).map(|name| format!("domain depends on {name}")).collect();
    assert_none(&worldly);
}

#[test]
fn every_member_inherits_what_all_have_in_common() {
    let mut faults = Vec::new();
    for member in members() {
        let package = member.package();
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if package.get(key).and_then(|value| value.get("workspace")?.as_bool()) != Some(true) {
                faults.push(format!("{}: `{key}.workspace = true` is missing", member.path));
            }
        }
        if package.get("description").and_then(|text| text.as_str()).is_none_or(str::is_empty) {
            faults.push(format!("{}: a description is missing", member.path));
        }
        if member.manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) != Some(true) {
            faults.push(format!("{}: `[lints] workspace = true` is missing", member.path));
        }
    }
    assert_none(&faults);
}

#[test]
fn a_folder_is_a_package_and_a_function_is_a_binary_of_that_name() {
    let root = root();
    let mut faults = Vec::new();
    let functions = |member: &&Member| member.path.starts_with("functions/");
    assert!(members().iter().filter(functions).count() >= 7);
    for member in &members() {
        let (folder, name) = (member.folder(), member.package()["name"].as_str());
        if name != Some(folder) {
            faults.push(format!("{}: the package is called {name:?}", member.path));
        }
        if functions(&member) {
            for file in ["src/lib.rs", "src/main.rs"] {
                if !root.join(&member.path).join(file).is_file() {
                    faults.push(format!("{} has no {file}", member.path));
                }
            }
            if member.manifest.contains_key("bin") {
                faults.push(format!("{}: the binary is src/main.rs, and has the folder's name", member.path));
            }
        }
    }
    assert_none(&faults);
}

/// `main.rs` only wires: what it did beyond that, the embedded deployment and the tests would not do.
#[test]
fn a_function_s_main_only_wires() {
    for member in members().iter().filter(|member| member.path.starts_with("functions/")) {
        let lines = code(&root().join(&member.path).join("src/main.rs")).lines().filter(|line| !line.is_empty()).count();
        assert!(lines <= 30, "{}: {lines} lines of code in main.rs", member.path);
    }
}

#[test]
fn every_folder_is_a_member_or_the_vendor_s() {
    let members = members();
    for parent in ["shared", "functions"] {
        for folder in entries(&root().join(parent)).iter().filter(|path| path.is_dir()) {
            let path = format!("{parent}/{}", folder.file_name().and_then(|name| name.to_str()).expect("UTF-8"));
            assert!(members.iter().any(|member| member.path == path), "{path} is no member of the workspace");
        }
    }
}

#[test]
fn every_folder_says_what_it_is() {
    let root = root();
    let places = ["shared", "functions", "infra"].into_iter().flat_map(|folder| entries(&root.join(folder)));
    let silent: Vec<_> = places
        .filter(|place| place.is_dir())
        .filter(|place| !std::fs::read_to_string(place.join("README.md")).is_ok_and(|text| text.len() > 200))
        .map(|place| format!("{} has no README.md that says anything", place.strip_prefix(&root).expect("below").display()))
        .collect();
    assert_none(&silent);
}

/// What the README of a function says, in this order.
const SECTIONS: [&str; 6] = ["trigger", "reads", "writes", "emits", "refusals", "decisions"];

/// The sections of a README that every function's README has. One heading may name neighbours: `## Writes, emits`.
fn sections(readme: &str) -> Vec<String> {
    let headings = readme.lines().filter_map(|line| line.strip_prefix("## "));
    let names = headings.flat_map(|heading| heading.split(", ")).map(str::to_lowercase);
    names.filter(|name| SECTIONS.contains(&&**name)).collect()
}

#[test]
fn the_readme_of_a_function_has_every_section() {
    let mut faults = Vec::new();
    for member in members().iter().filter(|member| member.path.starts_with("functions/")) {
        let found = sections(&read(&root().join(&member.path).join("README.md")));
        if found != SECTIONS {
            faults.push(format!("{}/README.md: expected the sections {SECTIONS:?}, found {found:?}", member.path));
        }
    }
    assert_none(&faults);
}

#[test]
fn a_section_that_is_missing_or_misplaced_is_found() {
    let whole = "## Trigger\n## Reads\n## Writes, emits\n## Refusals\n## Numbers\n## Decisions\n";
    assert_eq!(sections(whole), SECTIONS);
    assert_ne!(sections(&whole.replace("## Refusals\n", "")), SECTIONS);
    assert_ne!(sections(&whole.replace("Reads", "Writes")), SECTIONS);
    assert_ne!(sections("## Decisions\n## Trigger\n## Reads\n## Writes\n## Emits\n## Refusals\n"), SECTIONS);
}

#[test]
fn nothing_is_named_after_nothing() {
    const NOTHING: &[&str] =
        &["util", "utils", "helper", "helpers", "common", "misc", "service", "services", "manager", "managers"];
    let root = root();
    let places = ["shared", "functions", "infra", "tests"].into_iter().flat_map(|folder| everything(&root.join(folder)));
    let named = |path: &Path| path.file_stem().and_then(|name| name.to_str()).is_some_and(|name| NOTHING.contains(&name));
    let mut seen = 0;
    let mut faults = Vec::new();
    for path in places.filter(|path| path.is_dir() || path.extension().is_some_and(|kind| kind == "rs")) {
        seen += 1;
        if named(&path) {
            faults.push(format!("{}: say what it is", path.display()));
        }
    }
    assert!(seen > 100, "only {seen} files were found");
    assert_none(&faults);
}

/// Whether a line of code names the embedded deployment: its package, its engine, its address, or a text that says `local`.
/// A variable may be called so: what stands before the `@` of an address is its local part.
fn mentions_a_deployment(line: &str) -> bool {
    let says = |text: &str, name: &str| text.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case(name));
    let in_texts = line.split('"').skip(1).step_by(2);
    line.contains("127.0.0.1")
        || line.contains("local::")
        || ["dynoxide", "emulator", "emulated"].iter().any(|name| says(line, name))
        || in_texts.into_iter().any(|text| says(text, "local"))
}

#[test]
fn a_mention_of_a_deployment_is_found() {
    for line in [
        "use local::engine;",
        r#"if deployment == "local" {"#,
        r#"connect("127.0.0.1:8000")"#,
        "dynoxide::start()",
        r#"var("RUN_LOCAL")"#,
    ] {
        assert!(mentions_a_deployment(line), "{line}");
    }
    for line in ["let (local, host) = text.rsplit_once('@')?;", r#"host == "localhost""#, r#"("locale", locale)"#] {
        assert!(!mentions_a_deployment(line), "{line}");
    }
}

/// The same code runs on Lambda and in one process: it cannot behave differently where it does not know where it is.
#[test]
fn nothing_in_functions_or_shared_knows_that_it_runs_locally() {
    let root = root();
    let mut faults = Vec::new();
    let sources: Vec<_> = members()
        .iter()
        .filter(|member| member.path.starts_with("shared/") || member.path.starts_with("functions/"))
        .flat_map(|member| rust(&root.join(&member.path).join("src")))
        .collect();
    assert!(sources.len() > 40, "only {} files were found", sources.len());
    for path in sources {
        for (number, line) in code(&path).lines().enumerate() {
            if mentions_a_deployment(line) {
                let place = path.strip_prefix(&root).expect("below the root").display();
                faults.push(format!("{place}, line of code {}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&faults);
}

/// A request's canonical form, which an `Idempotency-Key` stands for, needs members in one order. The feature
/// `preserve_order` of serde_json, switched on by any dependency, would change that order for all crates.
#[test]
fn json_objects_have_one_order() {
    let value: serde_json::Value = serde_json::from_str(r#"{"b": 1, "a": {"d": 2, "c": 3}}"#).expect("JSON");
    assert_eq!(value.to_string(), r#"{"a":{"c":3,"d":2},"b":1}"#);
}
