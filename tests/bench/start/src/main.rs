//! How long a function takes from `exec` to its first answer, and what it costs. The binaries are those that are
//! deployed, started by turns on one machine behind one stub of the Lambda Runtime API and before one embedded DynamoDB.

mod budget;
mod build;
mod calls;
mod events;
mod figures;
mod functions;
mod lambda;
mod partners;
mod process;
mod table;
mod vendor;

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use crate::{
    build::{Build, Program},
    figures::Figures,
    lambda::{Invocation, RuntimeApi},
    process::Machine,
    table::Table,
    vendor::QUOTE,
};

/// Measures exec → first answer.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value = "quotes")]
    what: What,
    /// How often each program is started.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
    /// How many requests each process of `quotes` and its yardsticks answers after its first one.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    warm: u32,
    /// The cargo profile of the measured binaries: `deploy`, or `proof` for the budget.
    #[arg(long)]
    profile: Option<String>,
    /// A folder with all of the binaries, built already, as cargo or cargo lambda leaves it: nothing is built.
    #[arg(long)]
    built: Option<PathBuf>,
    /// Makes the measured values the budget.
    #[arg(long)]
    accept: bool,
    /// A function that the budget is checked of; without one, all are.
    #[arg(long)]
    function: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// `quotes` beside a bare handler in Rust, one in Node.js and one in Python.
    Quotes,
    /// Every function: sizes, first answer, memory.
    Functions,
    /// Every function, by values that do not depend on load, compared with tests/bench/budget.toml.
    Budget,
}

#[tokio::main]
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this program is for")]
async fn main() -> ExitCode {
    match measure(Arguments::parse()).await {
        Ok(figures) => {
            println!("{}", figures.trim_end());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: Arguments) -> Result<String, Box<dyn Error>> {
    let Arguments { what, starts, warm, profile, built, accept, function } = arguments;
    let usual = if matches!(what, What::Budget) { "proof" } else { "deploy" };
    let build = Build::new(profile.unwrap_or_else(|| usual.to_owned()), built)?;
    match what {
        What::Quotes => Ok(beside(&build, starts, warm).await?.to_string()),
        What::Functions => Ok(functions::measure(&build, starts).await?.to_string()),
        What::Budget => budget::check(&build, &function, accept).await,
    }
}

/// `quotes` and its yardsticks, by turns.
async fn beside(build: &Build, starts: u32, warm: u32) -> Result<Figures, Box<dyn Error>> {
    // Each on its own, as it is deployed: neither asks features of what the other depends on.
    let mut programs = build.binaries(&["quotes"]).await?;
    programs.extend(build.binaries(&["bare"]).await?);
    programs.extend([build.node().await?, build.python().await?]);
    let [zip] = build.zipped(&["quotes"]).await?[..] else { return Err("`quotes` has no zip".into()) };
    let table = Table::serve().await?;
    let api = RuntimeApi::serve().await?;
    let mut machine = Machine { api, variables: functions::variables(table.endpoint()) };
    let event = events::post(
        "/v1/quotes",
        &fs::read_to_string(QUOTE)?.replace("rita@reseller.example", &format!("rita@reseller{}.example", events::WHO)),
    );
    let create = vec![Invocation::http(&event, 201); 1 + usize::try_from(warm)?];

    // The first start of each reads its files from the disk, which says nothing about any: it does not count.
    for program in &programs {
        machine.live(program, &create[..2]).await?;
    }
    let names = programs.iter().map(|program: &Program| program.name.clone());
    let mut figures = Figures::of(build.to_string(), zip, names, starts, warm);
    for _ in 0..starts {
        for (program, runs) in programs.iter().zip(&mut figures.runs) {
            runs.push(machine.live(program, &create).await?.0);
        }
        figures.engine.push(table.alone(warm).await?);
    }
    Ok(figures)
}
