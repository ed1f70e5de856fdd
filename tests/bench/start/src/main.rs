//! How long a function takes from `exec` to its first answered `POST /v1/quotes`, beside the bare yardstick, and what it
//! costs once it is warm. Both are the release binaries, started by turns on one machine, each behind the same stub of
//! the Lambda Runtime API and before an embedded DynamoDB of its own.

mod figures;
mod lambda;
mod table;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use clap::Parser;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{
    figures::{Figures, Run},
    lambda::{RuntimeApi, Told},
    table::Table,
};

const VENDOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../infra/vendor");
const QUOTE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../infra/vendor/examples/quote.json");

/// Nothing here takes seconds: what does is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures exec → first answer of `quotes` beside `bare`, in turns.
#[derive(Parser)]
struct Arguments {
    /// How often each binary is started.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
    /// How many requests each process answers after its first one.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    warm: u32,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the figures are what this program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { starts, warm } = Arguments::parse();
    let release = build().await?;
    let (quotes, bare) = (release.join("quotes"), release.join("bare"));
    let body = fs::read_to_string(QUOTE)?;

    // The first start of each reads its file from the disk, which says nothing about either: it does not count.
    start(&quotes, &body, 1).await?;
    start(&bare, &body, 1).await?;
    let mut figures = Figures { quotes: Vec::new(), bare: Vec::new() };
    for _ in 0..starts {
        figures.quotes.push(start(&quotes, &body, warm).await?);
        figures.bare.push(start(&bare, &body, warm).await?);
    }

    println!("{starts} starts of each by turns, {warm} requests in each process after its first");
    println!("binaries: quotes {} KiB, bare {} KiB\n", fs::metadata(&quotes)?.len() / 1024, fs::metadata(&bare)?.len() / 1024);
    print!("{figures}");
    Ok(())
}

/// Builds both binaries as they would be packaged, without the features that this program asks of their dependencies,
/// and tells where they are.
async fn build() -> Result<PathBuf, Box<dyn Error>> {
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(2).ok_or("this program is not in a target directory")?;
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "quotes", "--package", "bare", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .await?;
    if built.success() { Ok(target.join("release")) } else { Err("the binaries do not build".into()) }
}

/// One life of a process: its start, its first answer, `warm` more, and its end. Any answer but a 201 is an error.
async fn start(binary: &Path, body: &str, warm: u32) -> Result<Run, Box<dyn Error>> {
    let table = Table::serve().await?;
    let mut api = RuntimeApi::serve(body, 1 + warm).await?;
    let mut command = command(binary, &table, &api);

    let exec = Instant::now();
    let mut process = command.spawn()?;
    let told = timeout(PATIENCE, life(&mut process, &mut api, warm)).await;
    let run = match told {
        Ok(Ok((first, warm))) => Ok(Run {
            asked: nanoseconds(exec, first.asked),
            first: nanoseconds(exec, first.answered),
            warm: figures::median(warm.iter().map(|warm| nanoseconds(warm.asked, warm.answered))),
            peak: peak(&process)?,
        }),
        Ok(Err(why)) => Err(format!("{}: {why}", binary.display()).into()),
        Err(_) => Err(format!("{} did not answer in {PATIENCE:?}", binary.display()).into()),
    };
    process.kill().await?;
    run
}

/// The first answer of a process, and `warm` more.
async fn life(process: &mut Child, api: &mut RuntimeApi, warm: u32) -> Result<(Told, Vec<Told>), Box<dyn Error>> {
    let mut next = async || {
        tokio::select! {
            told = api.told() => told,
            ended = process.wait() => Err(format!("it ended by itself: {}", ended?).into()),
        }
    };
    let first = next().await?;
    let mut further = Vec::new();
    for _ in 0..warm {
        further.push(next().await?);
    }
    Ok((first, further))
}

fn nanoseconds(from: Instant, to: Instant) -> u64 {
    u64::try_from((to - from).as_nanos()).unwrap_or(u64::MAX)
}

/// The environment that Lambda gives, and what `quotes` wants beside it; `bare` gets the same.
fn command(binary: &Path, table: &Table, api: &RuntimeApi) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).envs([
        ("AWS_LAMBDA_RUNTIME_API", api.address()),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "example"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
        ("AWS_SESSION_TOKEN", "example"),
        ("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TZ", ":UTC"),
        ("TABLE_NAME", table::NAME),
        ("VENDOR_DIR", VENDOR),
        ("PUBLIC_URL", "https://api.example.com"),
        ("PAYMENT_URL", "https://pay.example.com"),
        ("LINK_KEYS", "bench:example-link-secret"),
        ("NUMBER_KEY", "example-number-secret"),
        ("OIDC_ISSUER", "https://issuer.example"),
        ("OIDC_AUDIENCE", "sellthrough"),
    ]);
    command
}

/// The most memory that a living process ever had resident, in KiB: `VmHWM` of proc_pid_status(5).
fn peak(process: &Child) -> Result<u64, Box<dyn Error>> {
    let id = process.id().ok_or("the process has ended")?;
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    Ok(peak.ok_or("the kernel does not tell VmHWM")?.trim().parse()?)
}
