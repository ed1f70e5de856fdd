//! The program says what it can do. What it does needs microburst, which `run` installs.

use std::process::Command;

#[test]
fn whoever_asks_for_an_unknown_kind_of_fault_is_told_which_there_are() {
    let told = Command::new(env!("CARGO_BIN_EXE_faults")).args(["--python", "python3", "gremlins"]).output();
    let told = told.expect("the program runs");
    assert!(!told.status.success());
    let told = String::from_utf8(told.stderr).expect("UTF-8");
    for expected in ["gremlins", "throttling", "internal-errors", "resets", "cut-answers", "conflicts"] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
}
