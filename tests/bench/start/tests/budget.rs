//! The performance budget is of every function that is deployed. Measuring it takes `tests/bench/check-budget`.

use std::{error::Error, fs, process::Command};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");

/// The profile that `.ci/run` builds the functions with.
const PROFILE: &str = "proof";

#[test]
fn every_deployed_function_has_a_size_a_start_and_a_route() -> Result<(), Box<dyn Error>> {
    let budget: toml::Table = fs::read_to_string(format!("{ROOT}/tests/bench/budget.toml"))?.parse()?;
    let deployed = String::from_utf8(Command::new(format!("{ROOT}/infra/aws/functions")).output()?.stdout)?;
    assert!(deployed.lines().count() > 0, "the template has functions");
    for function in deployed.lines() {
        let values = budget[PROFILE].get(function).ok_or_else(|| format!("{function} has no budget"))?;
        assert!(values["zip"].is_integer(), "{function}");
        let routes: Vec<_> = values.as_table().into_iter().flatten().filter(|(_, value)| value.is_table()).collect();
        for (route, values) in &routes {
            assert!(values["memory"].is_integer() && values["calls"].is_table(), "{function}: {route}");
        }
        assert!(!routes.is_empty(), "{function} has a route");
    }
    Ok(())
}
