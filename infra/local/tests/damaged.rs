//! A data directory that is not complete is an error that says what to restore. The deployment never starts as if it were new.

use std::{
    fs,
    path::{Path, PathBuf},
};

use local::{Deployment, Settings};
use runtime::Configuration;
use tempfile::TempDir;

use crate::kill::{ask, free_address, plain_vendor, start};

async fn deployment(data: &Path, vendor: &Path) -> Result<Deployment, String> {
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: data.to_owned(),
        vendor: vendor.to_owned(),
        now: Some("2026-11-22T10:00:00Z".parse().unwrap()),
        environment: Configuration::default(),
    };
    Deployment::start(settings).await.map_err(|error| error.to_string())
}

/// Orders `quotes` quotes, waits for their letters, and stops.
async fn use_directory(data: &Path, vendor: &Path, quotes: std::ops::Range<u32>) {
    let deployment = deployment(data, vendor).await.unwrap();
    let listen = deployment.url().strip_prefix("http://").unwrap().parse().unwrap();
    let example = fs::read_to_string(vendor.join("examples/quote.json")).unwrap();
    for key in quotes {
        assert_eq!(ask(listen, key, &example).await.unwrap().status, 201);
    }
    deployment.idle().await;
    deployment.shutdown().await.unwrap();
}

fn copy_of(directory: &Path) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                fs::create_dir(&target).unwrap();
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let target = tempfile::tempdir().unwrap();
    copy(directory, target.path());
    target
}

fn truncate(file: PathBuf, keep: impl FnOnce(u64) -> u64) {
    let opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
    opened.set_len(keep(opened.metadata().unwrap().len())).unwrap();
}

/// A damage, and what the error must say.
type Damage<'d> = (&'d str, Box<dyn Fn(&Path) + 'd>, [&'d str; 2]);

/// Finding A10.
#[tokio::test]
async fn a10_a_directory_with_a_missing_or_damaged_part_is_not_started_and_the_error_says_what_to_restore() {
    let (vendor, data, other) = (plain_vendor(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    use_directory(data.path(), vendor.path(), 0..1).await;
    use_directory(other.path(), vendor.path(), 0..1).await;
    let earlier = copy_of(data.path());
    use_directory(data.path(), vendor.path(), 1..3).await;

    let remove = |name: &'static str| Box::new(move |dir: &Path| fs::remove_file(dir.join(name)).unwrap());
    let halve = |name: &'static str| Box::new(move |dir: &Path| truncate(dir.join(name), |size| size / 2));
    let empty = |name: &'static str| Box::new(move |dir: &Path| truncate(dir.join(name), |_| 0));
    let damages: Vec<Damage> = vec![
        ("no number key", remove("secrets/number-key"), ["secrets/number-key is missing", "restore the file"]),
        ("half of the number key", halve("secrets/number-key"), ["the number-key that the table", "Restore it"]),
        ("an empty number key", empty("secrets/number-key"), ["secrets/number-key is empty", "restore it"]),
        ("no link keys", remove("secrets/link-keys"), ["secrets/link-keys is missing", "restore the file"]),
        ("half of the link keys", halve("secrets/link-keys"), ["the link key k1 that the table", "Restore it"]),
        ("empty link keys", empty("secrets/link-keys"), ["secrets/link-keys is empty", "restore it"]),
        ("no key of licences", remove("license-key.pem"), ["license-key.pem is missing", "restore the file"]),
        ("no database", remove("sellthrough.db"), ["it holds no table", "restore the whole directory"]),
        ("an empty database", empty("sellthrough.db"), ["it holds no table", "restore the whole directory"]),
        ("half of the database", halve("sellthrough.db"), ["sellthrough.db cannot be used", "restore the whole directory"]),
        (
            "another file as the database",
            Box::new(|dir| fs::write(dir.join("sellthrough.db"), "no database at all ".repeat(1_000)).unwrap()),
            ["sellthrough.db cannot be used", "restore the whole directory"],
        ),
        (
            "an earlier database",
            Box::new(|dir| {
                fs::copy(earlier.path().join("sellthrough.db"), dir.join("sellthrough.db")).unwrap();
            }),
            ["the newest record of the shard", "restore the whole directory"],
        ),
        (
            "the places of another deployment",
            Box::new(|dir| {
                for name in ["issuance.json", "notifications.json"] {
                    let place = fs::read_to_string(other.path().join("stream").join(name)).unwrap();
                    // The streams of two tables differ in the time of their creation.
                    fs::write(dir.join("stream").join(name), place.replace("/stream/", "/stream/other-")).unwrap();
                }
            }),
            ["the table has the stream", "restore the whole directory"],
        ),
        (
            "the place of a shard that the stream does not have",
            Box::new(|dir| {
                let file = dir.join("stream/issuance.json");
                let place = fs::read_to_string(&file).unwrap();
                fs::write(file, place.replace("\"shardId", "\"other-shardId")).unwrap();
            }),
            ["the stream has no shard", "delete this file"],
        ),
    ];
    for (name, damage, expected) in damages {
        let directory = copy_of(data.path());
        damage(directory.path());
        let refusal = deployment(directory.path(), vendor.path()).await.err().unwrap_or_else(|| panic!("{name}: it starts"));
        assert!(expected.iter().all(|text| refusal.contains(text)), "{name}: {refusal}");
        let again = deployment(directory.path(), vendor.path()).await.err();
        assert!(again.is_some(), "{name}: the second start succeeds");
    }
    // The directory itself starts, and so does a copy in which the lost file was restored.
    let restored = copy_of(data.path());
    fs::remove_file(restored.path().join("secrets/number-key")).unwrap();
    deployment(restored.path(), vendor.path()).await.err().expect("a secret is missing");
    fs::copy(data.path().join("secrets/number-key"), restored.path().join("secrets/number-key")).unwrap();
    use_directory(restored.path(), vendor.path(), 0..3).await;
    use_directory(data.path(), vendor.path(), 0..3).await;
}

/// Finding A10: what was stored last is in SQLite's log while the process runs and after it was killed.
#[tokio::test]
async fn a10_after_a_kill_a_missing_or_truncated_log_is_noticed() {
    let (vendor, data, listen) = (plain_vendor(), tempfile::tempdir().unwrap(), free_address());
    let example = fs::read_to_string(vendor.path().join("examples/quote.json")).unwrap();
    for key in 0..2 {
        let mut process = start(listen, data.path(), vendor.path());
        assert_eq!(ask(listen, key, &example).await.unwrap().status, 201);
        process.process.kill().unwrap();
        process.process.wait().unwrap();
    }
    type Damage = (&'static str, fn(&Path), &'static str);
    let damages: [Damage; 3] = [
        ("missing", |log| fs::remove_file(log).unwrap(), "is missing or empty"),
        ("empty", |log| truncate(log.to_owned(), |_| 0), "is missing or empty"),
        ("truncated", |log| truncate(log.to_owned(), |_| 100), "its log is truncated"),
    ];
    for (name, damage, expected) in damages {
        let directory = copy_of(data.path());
        damage(&directory.path().join("sellthrough.db-wal"));
        let refusal = deployment(directory.path(), vendor.path()).await.err().unwrap_or_else(|| panic!("{name}: it starts"));
        assert!(refusal.contains(expected) && refusal.contains("restore the whole directory"), "{name}: {refusal}");
    }
    // With its log, the directory starts, and after an orderly end there is no log to miss.
    use_directory(data.path(), vendor.path(), 0..2).await;
    assert!(!data.path().join("sellthrough.db-wal").exists() && !data.path().join("sellthrough.running").exists());
    use_directory(data.path(), vendor.path(), 0..2).await;
}

/// A start that fails for another reason leaves no directory that is taken for damaged.
#[tokio::test]
async fn a_start_that_fails_after_the_database_was_opened_can_be_repeated() {
    let (vendor, data) = (plain_vendor(), tempfile::tempdir().unwrap());
    use_directory(data.path(), vendor.path(), 0..1).await;
    fs::write(vendor.path().join("documents/document.typ"), "#nonsense(").unwrap();
    let refusal = deployment(data.path(), vendor.path()).await.err().expect("the template is not valid");
    assert!(refusal.contains("documents/document.typ"), "{refusal}");
    use_directory(data.path(), plain_vendor().path(), 0..1).await;
}
