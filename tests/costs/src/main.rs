//! What every function asks of AWS, counted, and what that costs.

mod account;
mod bill;
#[cfg(test)]
mod calls;
mod figures;
mod journeys;
mod kms;
mod meter;
mod prices;
mod report;
mod template;

use std::path::Path;

use clap::Parser;

use crate::{account::Fault, report::Report};

/// Lives the journeys in this process, and prints what they cost on AWS, as Markdown.
#[derive(Parser)]
struct Arguments {
    /// Writes it to infra/aws/COSTS.md instead.
    #[arg(long)]
    write: bool,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the tables are what this program is for")]
async fn main() -> Result<(), Fault> {
    let Arguments { write } = Arguments::parse();
    let markdown = Report::count().await?.markdown()?;
    if write {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/COSTS.md"), markdown)?;
    } else {
        print!("{markdown}");
    }
    Ok(())
}
