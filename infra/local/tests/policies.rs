//! A policy takes effect without a deployment, and an edited folder at the next start.

use std::{collections::BTreeMap, path::Path};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use local::engine::{self, Engine};
use runtime::{NotPublished, Policies, Proposal, Vendor, clock::MovableClock};
use store::{Store, keys::Key};

/// A proposal that replaces any policy in force.
fn proposal<'p>(files: &'p BTreeMap<String, String>, by: &'p str, unique: &'p str) -> Proposal<'p> {
    Proposal { files, over: None, by, email: None, at: noon(), reason: None, unique }
}

struct Place {
    _data: tempfile::TempDir,
    engine: Engine,
    store: Store,
    clock: MovableClock,
}

impl Place {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let engine = Engine::start(data.path()).await.unwrap();
        let store = Store::new(engine::client(engine.endpoint()).unwrap(), "sellthrough");
        store.create_table().await.unwrap();
        Self { _data: data, engine, store, clock: MovableClock::at(noon()) }
    }

    /// A program that starts with this folder: another process.
    fn program(&self, folder: &Path) -> Policies {
        self.function_of(&Store::new(self.store.client().clone(), self.store.table()), folder)
    }

    /// A function of the process whose store this is.
    fn function_of(&self, store: &Store, folder: &Path) -> Policies {
        Policies::new(&Vendor::open(folder).unwrap(), store.clone(), self.clock.clock()).unwrap()
    }
}

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn example() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vendor"))
}

/// The example vendor folder with an additional comment.
fn folder(remark: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in edited(remark) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn edited(remark: &str) -> BTreeMap<String, String> {
    let mut files = Vendor::open(example()).unwrap().policy_files();
    files.get_mut("vendor.toml").unwrap().push_str(&format!("\n# {remark}\n"));
    files
}

#[tokio::test]
async fn a_published_policy_counts_at_once_here_and_within_a_minute_elsewhere() {
    let place = Place::new().await;
    let (here, there) = (place.program(example()), place.program(example()));
    let first = here.current().await.unwrap();
    assert_eq!(there.current().await.unwrap().version, first.version);
    let in_force = place.store.policy_in_force().await.unwrap().unwrap();
    assert_eq!((&*in_force.by, in_force.sequence), ("deployment", 1), "the folder's, once");

    let next = here.publish(proposal(&edited("one"), "user-1", "a")).await.unwrap().unwrap();
    assert_eq!((&*next.by, next.sequence), ("user-1", 2));
    assert_eq!(here.current().await.unwrap().version, next.version);
    assert_eq!(there.current().await.unwrap().version, first.version);
    place.clock.set(noon() + SignedDuration::from_secs(60));
    assert_eq!(there.current().await.unwrap().version, next.version);

    // An old one stays readable, and can come back.
    let other = place.program(folder("two").path());
    assert_eq!(other.version(&first.version).await.unwrap().unwrap().version, first.version);
    assert!(other.version("0123456789abcdef").await.unwrap().is_none());
    let same = here.publish(proposal(&edited("one"), "user-2", "b")).await.unwrap().unwrap();
    assert_eq!(same, next, "publishing what is in force changes nothing");
    let back = here.publish(proposal(&Vendor::open(example()).unwrap().policy_files(), "user-1", "c")).await.unwrap().unwrap();
    assert_eq!((&*back.version, back.sequence), (&*first.version, 3));

    let audit = place.store.audit_of("POLICY").await.unwrap();
    assert_eq!(audit.iter().map(|entry| &*entry.by).filter(|by| *by == "user-1").count(), 2);
    assert_eq!(audit.len(), 3);
    place.engine.shutdown().await.unwrap();
}

/// Finding A6: the functions of the local deployment are one process, and its clock may stand still.
#[tokio::test]
async fn a6_every_function_of_the_publishing_process_uses_a_published_policy_at_once() {
    let place = Place::new().await;
    let process = Store::new(place.store.client().clone(), place.store.table());
    let functions = [place.function_of(&process, example()), place.function_of(&process, example())];
    let elsewhere = place.program(example());
    let mut before = functions[0].current().await.unwrap().version.clone();
    for function in functions.iter().chain([&elsewhere]) {
        assert_eq!(function.current().await.unwrap().version, before);
    }
    for (publisher, remark) in [(0, "one"), (1, "two"), (0, "three")] {
        let next = functions[publisher].publish(proposal(&edited(remark), "user-1", remark)).await.unwrap().unwrap();
        assert_ne!(next.version, before);
        for function in &functions {
            assert_eq!(function.current().await.unwrap().version, next.version);
        }
        before = next.version;
    }
    // What another process has published is in force here after the same publication here, although it changes nothing.
    let theirs = elsewhere.publish(proposal(&edited("theirs"), "user-2", "d")).await.unwrap().unwrap();
    assert_eq!(functions[0].publish(proposal(&edited("theirs"), "user-1", "e")).await.unwrap().unwrap(), theirs);
    assert_eq!(functions[0].current().await.unwrap().version, theirs.version);
    place.engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_edited_folder_takes_effect_at_the_next_start_and_what_the_desk_published_survives_restarts() {
    let place = Place::new().await;
    let first = place.program(example());
    first.take_folder().await.unwrap();
    let desk = first.publish(proposal(&edited("desk"), "user-1", "a")).await.unwrap().unwrap();

    let again = place.program(example());
    again.take_folder().await.unwrap();
    assert_eq!(again.current().await.unwrap().version, desk.version, "the folder is as it was");

    let edited = folder("edited");
    let third = place.program(edited.path());
    third.take_folder().await.unwrap();
    third.take_folder().await.unwrap();
    let current = third.current().await.unwrap();
    assert_eq!(current.version, Vendor::open(edited.path()).unwrap().policy().unwrap().version);
    assert_eq!(place.store.policy_in_force().await.unwrap().unwrap().sequence, 3);
    place.engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn invalid_files_change_nothing() {
    let place = Place::new().await;
    let here = place.program(example());
    here.current().await.unwrap();
    let mut files = edited("x");
    files.insert("prices.toml".to_owned(), "nonsense".to_owned());
    let mistakes = here.publish(proposal(&files, "user-1", "a")).await.unwrap().unwrap_err();
    let NotPublished::Unsound(mistakes) = mistakes else { panic!("the files are invalid") };
    assert!(mistakes.0.iter().any(|mistake| mistake.file == "prices.toml"));
    assert_eq!(place.store.policy_in_force().await.unwrap().unwrap().sequence, 1);
    assert_eq!(place.store.audit_of("POLICY").await.unwrap().len(), 1);
    place.engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_leaves_the_previous_one_in_force() {
    let place = Place::new().await;
    let here = place.program(example());
    let first = here.current().await.unwrap();
    let next = here.publish(proposal(&edited("one"), "user-1", "a")).await.unwrap().unwrap();
    // Damage its parts.
    let key = Key::policy_part(&next.version, 1);
    let set = |name: &str, value: &str| {
        place
            .store
            .client()
            .update_item()
            .table_name("sellthrough")
            .key("pk", AttributeValue::S(key.partition.clone()))
            .key("sk", AttributeValue::S(key.sort.clone()))
            .update_expression("SET #t = :t")
            .expression_attribute_names("#t", name)
            .expression_attribute_values(":t", AttributeValue::S(value.to_owned()))
            .send()
    };
    set("text", r#"{"vendor.toml":"from = 'the future'"}"#).await.unwrap();
    let fresh = place.program(folder("fresh").path());
    let counts = fresh.current().await.unwrap();
    assert_ne!(counts.version, next.version);
    assert!(
        place.store.policy_files(&counts.version).await.unwrap().is_some(),
        "a quote refers to this version, so it must be stored"
    );
    assert!(matches!(fresh.version(&next.version).await, Err(store::Error::Corrupt { .. })));
    set("text", "{").await.unwrap();
    assert!(matches!(fresh.version(&next.version).await, Err(store::Error::Corrupt { .. })));

    // Publishing it again repairs it.
    let back = fresh.publish(proposal(&Vendor::open(example()).unwrap().policy_files(), "user-1", "b")).await.unwrap().unwrap();
    assert_eq!(back.version, first.version);
    fresh.publish(proposal(&edited("one"), "user-1", "c")).await.unwrap().unwrap();
    assert_eq!(place.program(example()).current().await.unwrap().version, next.version);
    place.engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn many_starts_at_once_publish_the_folder_once() {
    let place = Place::new().await;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let p = place.program(example());
            tokio::spawn(async move { p.current().await.unwrap().version.clone() })
        })
        .collect();
    for start in starts {
        start.await.unwrap();
    }
    assert_eq!(place.store.policy_in_force().await.unwrap().unwrap().sequence, 1);
    place.engine.shutdown().await.unwrap();
}
#[tokio::test]
async fn a_large_policy_is_stored_in_parts() {
    let place = Place::new().await;
    let files = BTreeMap::from([
        ("prices.toml".to_owned(), "amount = 99_900 # é\n".repeat(130_000)),
        ("b.toml".to_owned(), "見".repeat(9999)),
    ]);
    place.store.keep_policy("v", &files).await.unwrap();
    assert_eq!(place.store.policy_files("v").await.unwrap(), Some(files.clone()));
    place.store.keep_policy("v", &files).await.unwrap();
    assert_eq!(place.store.policy_files("w").await.unwrap(), None);
    place.engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_policy_replaces_the_one_that_was_read_and_no_other() {
    let place = Place::new().await;
    let here = place.program(example());
    let read = here.current().await.unwrap().version.clone();
    let one = here.publish(Proposal { over: Some(&read), ..proposal(&edited("one"), "user-1", "a") }).await.unwrap().unwrap();
    let stored = place.store.policy_in_force().await.unwrap();
    let late = here.publish(Proposal { over: Some(&read), ..proposal(&edited("two"), "user-2", "b") }).await.unwrap();
    assert!(matches!(late, Err(NotPublished::Conflict)));
    assert_eq!(place.store.policy_in_force().await.unwrap(), stored);
    let again = here.publish(Proposal { over: Some(&read), ..proposal(&edited("one"), "user-1", "c") }).await.unwrap().unwrap();
    assert_eq!(again, one, "a repeated request succeeds");
}

/// D8: the command and a failed start list all mistakes of a folder: policy, letters and documents.
#[test]
fn d8_a_command_and_a_failed_start_report_every_mistake_of_a_folder_at_once() {
    let broken = folder("with mistakes");
    for templates in ["letters", "documents"] {
        std::fs::create_dir_all(broken.path().join(templates)).unwrap();
        for file in std::fs::read_dir(example().join(templates)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), broken.path().join(templates).join(file.file_name())).unwrap();
        }
    }
    let run = |arguments: &[&str]| {
        let data = tempfile::tempdir().unwrap();
        let program =
            std::process::Command::new(env!("CARGO_BIN_EXE_local")).args(arguments).current_dir(&data).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (program.status.success(), text(program.stdout), text(program.stderr))
    };
    let path = broken.path().to_str().unwrap();
    let (sound, says, _) = run(&["check-policy", path]);
    assert!(sound && says.contains("no mistakes"), "{says}");

    // The line of the change.
    let edit = |file: &str, from: &str, to: &str| {
        let path = broken.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        text.lines().position(|line| line.contains(from)).map(|before| before + 1).unwrap()
    };
    let email = edit("vendor.toml", "email = \"quotes@vendor.example\"", "email = \"no-at-sign\"");
    let validity = edit("vendor.toml", "validity_days = 30", "validity_days = \"soon\"");
    edit("languages/en.toml", "net = ", "nett = ");
    let greeting = edit("letters/letter.txt", "greeting", "gretting");
    edit("letters/letter.html", "closing", "closign");
    let document = std::fs::read_to_string(broken.path().join("documents/document.typ")).unwrap();
    std::fs::write(broken.path().join("documents/document.typ"), format!("{document}\n#data.no-such-name\n")).unwrap();

    for arguments in [&["check-policy", path][..], &["--listen", "127.0.0.1:0", "--vendor", path]] {
        let (started, _, says) = run(arguments);
        assert!(!started, "{says}");
        for expected in [
            &*format!("vendor.toml:{email}: "),
            &*format!("vendor.toml:{validity}: "),
            "total.net",
            &*format!("letters/letter.txt:{greeting}: a letter has no `gretting`"),
            "a letter has no `closign`",
            "documents/document.typ:",
            "no-such-name",
        ] {
            assert!(says.contains(expected), "{arguments:?}: no {expected} in {says}");
        }
    }
}
