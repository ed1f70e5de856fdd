//! One process, from its start to its end.

use std::{
    error::Error,
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{
    build::Program,
    figures::{self, Run},
    lambda::{Invocation, RuntimeApi, Told},
};

/// Nothing here takes seconds: what does is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all processes are started in: one Runtime API, and the variables that any function asks for.
pub(crate) struct Machine {
    /// What hands out requests.
    pub(crate) api: RuntimeApi,
    /// What is set beside what Lambda sets.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Machine {
    /// One life of a process: its start, its first answer, `warm` more, and its end; and what it answered first. Any
    /// answer but the one that is wanted is an error.
    pub(crate) async fn live(
        &mut self,
        program: &Program,
        invocation: &Invocation,
        warm: u32,
    ) -> Result<(Run, Value), Box<dyn Error>> {
        self.api.hand_out(invocation, 1 + warm);
        let mut command = self.command(program);
        let exec = Instant::now();
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", program.executable.display()))?;
        let life = timeout(PATIENCE, answers(&mut process, &mut self.api, warm)).await;
        let run = match life {
            Ok(Ok((first, warm))) => peak(&process).map(|peak| {
                let run = Run {
                    asked: nanoseconds(exec, first.asked),
                    first: nanoseconds(exec, first.answered),
                    warm: figures::median(warm.iter().map(|warm| nanoseconds(warm.asked, warm.answered))),
                    peak,
                };
                (run, first.answer)
            }),
            Ok(Err(why)) => Err(format!("{}: {why}", program.name).into()),
            Err(_) => Err(format!("{} did not answer in {PATIENCE:?}", program.name).into()),
        };
        process.kill().await?;
        run
    }

    /// The environment that Lambda gives, and what our functions want beside it. All programs get the same.
    fn command(&self, program: &Program) -> Command {
        let mut command = Command::new(&program.executable);
        command.args(&program.arguments).current_dir(&program.folder);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).envs([
            ("AWS_LAMBDA_RUNTIME_API", self.api.address()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "example"),
            ("AWS_SECRET_ACCESS_KEY", "example"),
            ("AWS_SESSION_TOKEN", "example"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
        ]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The first answer of a process, and `warm` more.
async fn answers(process: &mut Child, api: &mut RuntimeApi, warm: u32) -> Result<(Told, Vec<Told>), Box<dyn Error>> {
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

/// The most memory that a living process ever had resident, in KiB: `VmHWM` of proc_pid_status(5).
fn peak(process: &Child) -> Result<u64, Box<dyn Error>> {
    let id = process.id().ok_or("the process has ended")?;
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    Ok(peak.ok_or("the kernel does not tell VmHWM")?.trim().parse()?)
}
