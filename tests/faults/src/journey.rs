//! A story, lived once without faults and then with each kind of them.

use std::{
    fmt,
    time::{Duration, Instant},
};

use local::Deployment;
use tokio::time::timeout;

use crate::{
    injection::{self, Injection},
    microburst::Fired,
    scene::{Ground, Scene, Setting},
    state::State,
    story,
};

/// How often a deployment is started before it must have succeeded: one start in five does with half of all requests refused.
const STARTS: usize = 60;

/// How long a start may take before it hangs. It waits a minute for its table.
const START: Duration = Duration::from_secs(90);

/// The story without faults: what all others are measured by.
pub(crate) struct Calm {
    /// Right after the start.
    started: State,
    /// In the end.
    ended: State,
    took: Duration,
    /// The keys that it was lived with are those of all others.
    ground: Ground,
}

impl Calm {
    /// Lives it.
    pub(crate) async fn live(setting: Setting) -> Self {
        let begun = Instant::now();
        let scene = Scene::open(Ground::new("calm", &setting, None).await, None).await;
        let started = State::of(&scene, story::Responses::new()).await;
        let reported = story::live(&scene).await;
        let ended = State::of(&scene, reported).await;
        assert_eq!(scene.refusals(), 0, "no caller is refused without faults");
        assert_eq!(scene.ground.microburst.fired().await, Fired::new(), "and there are none");
        let ground = scene.close().await;
        Self { started, ended, took: begun.elapsed(), ground }
    }
}

impl fmt::Display for Calm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (items, letters) = self.ended.counts();
        write!(f, "{items} items stored, {letters} letters sent, {:.0?}", self.took)
    }
}

/// What a journey met.
pub(crate) struct Report {
    fired: Fired,
    refusals: usize,
    took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} faults, {} times \"not now\", {:.0?};", self.fired.values().sum::<u64>(), self.refusals, self.took)?;
        self.fired.iter().try_for_each(|((_, operation), count)| write!(f, " {operation} {count}"))
    }
}

/// Lives it with one kind of faults. It must end as without.
pub(crate) async fn live(fault: Injection, setting: Setting, calm: &Calm) -> Report {
    let begun = Instant::now();
    let ground = Ground::new(fault.name(), &setting, Some(&calm.ground)).await;
    let scene = match fault {
        Injection::WhileStarting => start(ground, fault, calm).await,
        _ => Scene::open(ground, Some(fault)).await,
    };
    let refusals = match fault {
        Injection::WhileStarting => 0,
        _ => {
            let reported = story::live(&scene).await;
            scene.end().await;
            assert_same(&State::of(&scene, reported).await, &calm.ended);
            assert!(!fault.is_noticed() || scene.refusals() > 0, "no caller was ever refused, which proves too little");
            scene.refusals()
        }
    };
    let fired = scene.ground.microburst.fired().await;
    for (operation, least) in fault.least() {
        let count: u64 = fired.iter().filter(|((_, fired), _)| fired == operation).map(|(_, count)| count).sum();
        assert!(count >= *least, "only {count} faults of {operation}, which prove too little: {fired:?}");
    }
    scene.close().await;
    Report { fired, refusals, took: begun.elapsed() }
}

/// Starts a deployment with faults until a start succeeds. Each failed start reports the operation and DynamoDB's response; in
/// the end the table is as after one start.
async fn start(ground: Ground, fault: Injection, calm: &Calm) -> Scene {
    let mut unclear = Vec::new();
    for (operation, rule) in injection::of_a_start() {
        ground.microburst.play(&[rule]).await;
        let reported = started(&ground, operation).await.err();
        let reported = reported.unwrap_or_else(|| panic!("a deployment starts, and every {operation} is refused"));
        let clear =
            reported.contains("DynamoDB failed at") && reported.contains(operation) && reported.contains("ThrottlingException");
        unclear.extend((!clear).then(|| format!("without {operation}: {reported}")));
    }
    assert!(unclear.is_empty(), "the error of a failed start is unclear:\n  {}", unclear.join("\n  "));

    ground.microburst.play(&fault.rules()).await;
    let mut failures = Vec::new();
    let deployment = loop {
        match started(&ground, fault.name()).await {
            Ok(deployment) => break deployment,
            Err(reported) => failures.push(reported),
        }
        assert!(failures.len() < STARTS, "{failures:#?}");
    };
    let scene = Scene::of(ground, deployment, None);
    scene.end().await;
    scene.rest().await;
    assert_same(&State::of(&scene, story::Responses::new()).await, &calm.started);
    scene
}

async fn started(ground: &Ground, faulty: &str) -> Result<Deployment, String> {
    let start = timeout(START, ground.start()).await;
    start.unwrap_or_else(|_| panic!("a start neither succeeds nor fails after {START:?}, with faults of {faulty}"))
}

#[track_caller]
fn assert_same(is: &State, should: &State) {
    let differences = is.differences(should);
    assert!(differences.is_empty(), "it did not end as without faults:\n  {}", differences.join("\n  "));
}
