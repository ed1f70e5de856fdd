//! An orderly stop takes at most five seconds, however much work is pending, and the next start continues.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use crate::kill::{Running, ask, free_address, sent, start};

const QUOTES: u32 = 24;

/// Finding A7: the process waited for a batch of letters, for more than thirty seconds.
#[tokio::test]
async fn a7_sigterm_ends_the_process_within_five_seconds_and_no_letter_is_lost() {
    let data = tempfile::tempdir().unwrap();
    // With the example's real documents, which take half a second each in this build.
    let vendor = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vendor"));
    let example = std::fs::read_to_string(vendor.join("examples/quote.json")).unwrap();
    let listen = free_address();
    let mut deployment = start(listen, data.path(), vendor);
    for key in 0..QUOTES {
        assert_eq!(ask(listen, key, &example).await.unwrap().status, 201);
    }
    let seconds = terminate(&mut deployment).await;
    assert!(seconds <= 5.0, "the stop took {seconds} s");
    let before = sent(data.path()).len();
    assert!(before < QUOTES as usize, "letters were still to be sent");

    let mut deployment = start(listen, data.path(), vendor);
    let all_sent = async {
        while sent(data.path()).len() < QUOTES as usize {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(120), all_sent).await.expect("every quote has its letter");
    let seconds = terminate(&mut deployment).await;
    assert!(seconds <= 5.0, "the stop took {seconds} s");
    // A letter is sent twice, with the same Message-ID, if the stop comes between the mail service's response and the note.
    let copies = sent(data.path());
    assert_eq!(copies.len(), QUOTES as usize);
    let repeated = copies.values().sum::<usize>() - copies.len();
    assert!(repeated <= 1, "{copies:?}");
}

/// Sends SIGTERM, and returns the seconds until the process has ended with success.
async fn terminate(deployment: &mut Running) -> f64 {
    let start = Instant::now();
    let signalled = Command::new("kill").arg(deployment.process.id().to_string()).status().unwrap();
    assert!(signalled.success());
    loop {
        if let Some(status) = deployment.process.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return start.elapsed().as_secs_f64();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the process does not end");
        sleep(Duration::from_millis(10)).await;
    }
}
