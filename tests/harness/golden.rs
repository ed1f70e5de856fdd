//! Golden files: texts that others rely on, compared as a whole. A wanted change is written with `UPDATE_GOLDEN=1`.

use std::{fs, path::Path};

/// Compares `actual` with the file `golden/{name}`.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "how a test is run is not configuration of the product")]
pub fn assert_golden(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        fs::create_dir_all(file.parent().expect("the file is in a folder")).expect("the folder can be made");
        fs::write(&file, actual).expect("the golden file can be written");
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    if golden != actual {
        let (golden, actual): (Vec<_>, Vec<_>) = (golden.lines().collect(), actual.lines().collect());
        let line = golden.iter().zip(&actual).take_while(|(golden, actual)| golden == actual).count();
        let shown = |lines: &[&str]| lines.get(line).map_or("‹the end›".to_owned(), |line| (*line).to_owned());
        panic!(
            "{name} is different from line {} on.\n  golden: {}\n  actual: {}\nIf that is wanted: UPDATE_GOLDEN=1, and read the diff.",
            line + 1,
            shown(&golden),
            shown(&actual),
        );
    }
}
