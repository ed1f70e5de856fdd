//! How long a function takes from `exec` to its first answer, and what it costs. The binaries are those that are
//! deployed, started by turns on one machine behind one stub of the Lambda Runtime API and before one embedded DynamoDB.

mod build;
mod events;
mod figures;
mod functions;
mod lambda;
mod partners;
mod process;
mod table;
mod vendor;

use std::{error::Error, fs, path::PathBuf};

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
    /// The cargo profile of the measured binaries.
    #[arg(long, default_value = "deploy")]
    profile: String,
    /// A folder with binaries that are built already, as cargo or cargo lambda leaves it; what is not in it is built.
    #[arg(long)]
    built: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// `quotes` beside a bare handler in Rust, one in Node.js and one in Python.
    Quotes,
    /// Every function: sizes, first answer, memory.
    Functions,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the figures are what this program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { what, starts, warm, profile, built } = Arguments::parse();
    let build = Build::new(profile, built)?;
    match what {
        What::Quotes => print!("{}", beside(&build, starts, warm).await?),
        What::Functions => print!("{}", functions::measure(&build, starts).await?),
    }
    Ok(())
}

/// `quotes` and its yardsticks, by turns.
async fn beside(build: &Build, starts: u32, warm: u32) -> Result<Figures, Box<dyn Error>> {
    // Each on its own, as it is deployed: neither asks features of what the other depends on.
    let [quotes] = build.binaries(["quotes"]).await?;
    let [bare] = build.binaries(["bare"]).await?;
    let programs = [quotes, bare, build.node().await?, build.python().await?];
    let table = Table::serve().await?;
    let api = RuntimeApi::serve().await?;
    let mut machine = Machine { api, variables: functions::variables(&table) };
    let event = events::post("/v1/quotes", &fs::read_to_string(QUOTE)?.replace("rita@", &format!("rita{}@", events::WHO)));
    let create = Invocation::http(&event, 201);

    // The first start of each reads its files from the disk, which says nothing about any: it does not count.
    for program in &programs {
        machine.live(program, &create, 1).await?;
    }
    let mut figures = Figures::of(programs.iter().map(|program: &Program| program.name.clone()), starts, warm);
    for _ in 0..starts {
        for (program, runs) in programs.iter().zip(&mut figures.runs) {
            runs.push(machine.live(program, &create, warm).await?.0);
        }
        figures.engine.push(table.alone(warm).await?);
    }
    Ok(figures)
}
