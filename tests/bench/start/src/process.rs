//! One process, from its start to its end.

use std::{
    error::Error,
    ffi::OsString,
    fs,
    path::Path,
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
/// Under valgrind a program takes fifty times as long.
const PATIENCE_WITH_VALGRIND: Duration = Duration::from_secs(600);

/// What all processes are started in: one Runtime API, and the variables that any function asks for.
pub(crate) struct Machine {
    /// What hands out requests.
    pub(crate) api: RuntimeApi,
    /// What is set beside what Lambda sets.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Machine {
    /// One life of a process: its start, an answer to each of these, and its end; and what it answered. The first one is
    /// timed from the start, the others are warm. Any answer but the one that is wanted is an error.
    pub(crate) async fn live(
        &mut self,
        program: &Program,
        invocations: &[Invocation],
    ) -> Result<(Run, Vec<Value>), Box<dyn Error>> {
        self.api.hand_out(invocations);
        let exec = Instant::now();
        let mut process = self.start(&mut Command::new(&program.executable), program)?;
        let told = answers(&mut process, &mut self.api, invocations.len(), PATIENCE).await;
        let run = told.and_then(|told| {
            let peak = peak(&process)?;
            let [first, warm @ ..] = &told[..] else { return Err("nothing was handed out".into()) };
            let run = Run {
                asked: nanoseconds(exec, first.asked),
                first: nanoseconds(exec, first.answered),
                warm: figures::median(warm.iter().map(|warm| nanoseconds(warm.asked, warm.answered))),
                peak,
            };
            Ok((run, told.into_iter().map(|told| told.answer).collect()))
        });
        process.kill().await?;
        run.map_err(|why| format!("{}: {why}", program.name).into())
    }

    /// How many instructions a process executes from its start until it has answered all of these. valgrind's callgrind
    /// counts them, and writes the count into `folder`.
    pub(crate) async fn instructions(
        &mut self,
        program: &Program,
        invocations: &[Invocation],
        folder: &Path,
    ) -> Result<u64, Box<dyn Error>> {
        self.api.hand_out(invocations);
        let (counted, said) = (folder.join("callgrind.out"), folder.join("valgrind.log"));
        let mut valgrind = Command::new("valgrind");
        valgrind.arg("--tool=callgrind").arg(option("--callgrind-out-file=", &counted)).arg(option("--log-file=", &said));
        let mut process = self.start(valgrind.arg(&program.executable), program)?;
        let told = answers(&mut process, &mut self.api, invocations.len(), PATIENCE_WITH_VALGRIND).await;
        // callgrind writes what it has counted when the program ends by a signal that can be handled.
        let id = process.id().ok_or("the process has ended")?.to_string();
        Command::new("kill").args(["-TERM", &id]).status().await?;
        process.wait().await?;
        told.map_err(|why| format!("{}: {why}", program.name))?;
        let counted = fs::read_to_string(counted)?;
        let totals = counted.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(totals.ok_or("callgrind has counted nothing")?.trim().parse()?)
    }

    /// Starts a program with the environment that Lambda gives, and what our functions want beside it. All programs get
    /// the same.
    fn start(&self, command: &mut Command, program: &Program) -> Result<Child, Box<dyn Error>> {
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
        command.spawn().map_err(|error| format!("{:?}: {error}", command.as_std().get_program()).into())
    }
}

/// An option of valgrind's that is a path.
fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// The answers of a process, as many as it was handed requests.
async fn answers(
    process: &mut Child,
    api: &mut RuntimeApi,
    count: usize,
    patience: Duration,
) -> Result<Vec<Told>, Box<dyn Error>> {
    let all = async {
        let mut answers = Vec::new();
        while answers.len() < count {
            answers.push(tokio::select! {
                told = api.told() => told?,
                ended = process.wait() => return Err(format!("it ended by itself: {}", ended?).into()),
            });
        }
        Ok(answers)
    };
    timeout(patience, all).await.unwrap_or_else(|_| Err(format!("it did not answer in {patience:?}").into()))
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
