//! Whole journeys with faults between the functions and DynamoDB. microburst stands before the embedded engine; whatever it
//! plays, callers see nothing but successes and "not now", and in the end everything is as it would have been without.

mod injection;
mod journey;
mod microburst;
mod scene;
mod state;
mod story;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use clap::{Parser, builder::PossibleValuesParser};

use crate::{injection::Injection, journey::Calm, scene::Setting};

/// Lives whole journeys with microburst between the deployment and its engine, all kinds of faults at the same time.
#[derive(Parser)]
struct Arguments {
    /// The Python of an environment with microburst.
    #[arg(long)]
    python: PathBuf,
    /// What microburst throws its dice from. What comes of it depends on timing as well.
    #[arg(long, default_value_t = 4)]
    seed: u64,
    /// The kinds of faults; all of them, unless any is named.
    #[arg(value_parser = PossibleValuesParser::new(Injection::ALL.map(Injection::name)))]
    kinds: Vec<String>,
}

#[allow(clippy::print_stdout, reason = "the report is what this program is for")]
fn main() -> ExitCode {
    let Arguments { python, seed, kinds } = Arguments::parse();
    println!("microburst's seed is {seed}");
    let begun = Instant::now();
    let vendor = tests::plain_vendor();
    let setting = Setting { python, seed, vendor: vendor.path().to_owned() };

    let calm = setting.clone();
    let Ok(calm) = apart("calm", async move || Calm::live(calm).await).join() else { return ExitCode::FAILURE };
    println!("without faults: {calm}");
    let calm = Arc::new(calm);
    let wanted = |fault: &Injection| kinds.is_empty() || kinds.iter().any(|kind| kind == fault.name());
    let running: Vec<_> = Injection::ALL
        .into_iter()
        .filter(wanted)
        .map(|fault| {
            let (setting, calm) = (setting.clone(), calm.clone());
            (fault.name(), apart(fault.name(), async move || journey::live(fault, setting, &calm).await))
        })
        .collect();
    let mut outcome = ExitCode::SUCCESS;
    for (name, journey) in running {
        match journey.join() {
            Ok(report) => println!("{name}: {report}"),
            Err(_) => {
                println!("{name}: FAILED, see above");
                outcome = ExitCode::FAILURE;
            }
        }
    }
    println!("{:.0?} in all", begun.elapsed());
    outcome
}

/// Runs a journey in a thread and a runtime of its own: what fails in it says whose it is, and ends no other.
fn apart<T: Send + 'static>(name: &str, journey: impl AsyncFnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(journey())
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread")
}
