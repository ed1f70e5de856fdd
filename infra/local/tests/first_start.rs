//! A first start that is killed at any moment leaves a directory in which the next start succeeds.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::kill::{Running, ask, command, free_address, plain_vendor, start, wait_for_start};

/// How many directories are begun and killed, unless `FIRST_START_KILLS` states another number:
///
/// ```sh
/// FIRST_START_KILLS=100 cargo test --workspace --locked --test integration -- a9_ --nocapture
/// ```
const KILLS: u32 = 8;

/// Finding A9: of 100 directories, 19 never started again, because the table was created in several steps.
#[tokio::test]
async fn a9_a_first_start_that_is_killed_at_any_moment_is_followed_by_one_that_succeeds() {
    let (vendor, listen) = (plain_vendor(), free_address());
    let example = std::fs::read_to_string(vendor.path().join("examples/quote.json")).unwrap();
    let whole = whole_start(vendor.path());
    let kills = kills();
    let (mut killed, mut begun) = (0, 0);
    for kill in 0..kills {
        let data = tempfile::tempdir().unwrap();
        // Spread over the time that a start takes, and once more in the same directory, at another moment.
        for moment in [kill, (kill * 7 + kills / 2) % kills] {
            let mut process = command(listen, data.path(), vendor.path()).spawn().unwrap();
            std::thread::sleep(whole * moment / kills);
            process.kill().unwrap();
            killed += u32::from(!process.wait().unwrap().success());
        }
        begun += u32::from(data.path().join("secrets").exists());
        let deployment = start(listen, data.path(), vendor.path());
        let answer = ask(listen, kill, &example).await.expect("an answer");
        assert_eq!(answer.status, 201, "after the kills {kill}: {}", answer.body);
        drop(deployment);
    }
    eprintln!("{killed} kills within {whole:?} of a first start, {begun} directories begun, {kills} started again");
    assert_eq!(killed, 2 * kills, "every process was killed before it ended");
    assert!(begun > 0, "some were killed after they had begun");
}

/// The time that a first start takes here.
fn whole_start(vendor: &Path) -> Duration {
    let data = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let _deployment: Running = wait_for_start(command(free_address(), data.path(), vendor));
    begin.elapsed()
}

#[allow(clippy::disallowed_methods, reason = "the number of a long run is not configuration of the deployment")]
fn kills() -> u32 {
    std::env::var("FIRST_START_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"))
}

/// An error at the start is one line that says what to do, and the exit code shows it.
#[test]
fn a_start_that_fails_says_why_and_ends_with_an_error() {
    let data = tempfile::tempdir().unwrap();
    let vendor = plain_vendor();
    std::fs::create_dir(data.path().join("mail")).unwrap();
    std::fs::write(data.path().join("mail/00000001-00000000.eml"), "Subject: a letter of a deployment\r\n\r\n").unwrap();
    let mut command: Command = command(free_address(), data.path(), vendor.path());
    let ended = command.stderr(std::process::Stdio::piped()).output().unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("sellthrough.db cannot be used") && said.contains("restore the whole directory"), "{said}");
}
