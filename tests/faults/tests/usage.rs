//! The program says what it can do. What it does needs microburst, which `run` installs.

use std::process::Command;

#[test]
fn the_error_for_an_unknown_kind_of_fault_lists_the_kinds() {
    let output = Command::new(env!("CARGO_BIN_EXE_faults")).args(["--python", "python3", "gremlins"]).output();
    let output = output.expect("the program runs");
    assert!(!output.status.success());
    let output = String::from_utf8(output.stderr).expect("UTF-8");
    for expected in ["gremlins", "throttling", "internal-errors", "resets", "cut-responses", "conflicts"] {
        assert!(output.contains(expected), "{expected} in {output}");
    }
}
