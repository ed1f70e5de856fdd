//! `cargo run`: Sellthrough on one machine.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use local::{Deployment, Settings, check};
use runtime::{Configuration, StartError, telemetry};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

/// Sellthrough on one machine: quotes, payments, licences, with everything in one directory.
#[derive(Parser)]
#[command(name = "sellthrough", version, args_conflicts_with_subcommands = true)]
struct Flags {
    #[command(subcommand)]
    command: Option<Command>,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// The directory of all data: database, letters, keys
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// The vendor folder: catalogue, prices, texts, templates
    #[arg(long, default_value = "infra/vendor")]
    vendor: PathBuf,
    /// Start with a clock that is stopped at this instant, such as 2026-12-24T12:00:00Z
    #[arg(long)]
    now: Option<Timestamp>,
}

/// What the program does instead of starting the deployment.
#[derive(Subcommand)]
enum Command {
    /// Reads a vendor folder and reports every mistake in it. Nothing is started and nothing is stored
    CheckPolicy {
        /// The vendor folder
        #[arg(default_value = "infra/vendor")]
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    // The engine logs every failed condition as a warning, although failed conditions are normal here.
    telemetry::human("info,dynoxide=error");
    let Flags { command, listen, data, vendor, now } = Flags::parse();
    let ended = match command {
        Some(Command::CheckPolicy { folder }) => check_policy(&folder),
        None => start(Settings { listen, data, vendor, now, environment: Configuration::from_env() }),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sellthrough: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check_policy(folder: &Path) -> Result<(), StartError> {
    let policy = check::folder(folder)?;
    writeln!(
        std::io::stdout(),
        "{}: the policy and its templates have no mistakes. Its version is {}, with {} products.",
        folder.display(),
        policy.version,
        policy.products.len()
    )?;
    Ok(())
}

/// Runs the deployment until the process is asked to end.
fn start(settings: Settings) -> Result<(), StartError> {
    let runtime = Runtime::new().map_err(|error| format!("cannot start threads: {error}"))?;
    let ended = runtime.block_on(run(settings));
    // A document that is being laid out is not waited for: the next start lays it out again.
    runtime.shutdown_background();
    ended
}

async fn run(settings: Settings) -> Result<(), StartError> {
    let vendor = settings.vendor.clone();
    let deployment = Deployment::start(settings).await.map_err(|error| check::explained(error, &vendor))?;
    // An error is ignored: the output may be closed, and the deployment continues.
    let _ = writeln!(std::io::stdout(), "{}", deployment.welcome());
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    deployment.shutdown().await
}
