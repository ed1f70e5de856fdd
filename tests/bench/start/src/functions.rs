//! Every function: how large it is, how long it takes from exec to its first answer, and what memory it takes. Each is
//! asked for what it does most, about quotes that the functions before it have made.

use std::{error::Error, fmt, fs, os::unix::fs::OpenOptionsExt, path::Path};

use domain::{QuoteNumber, number::Minter};
use ed25519_dalek::pkcs8::{EncodePrivateKey, spki::der::pem::LineEnding};
use runtime::Clock;
use serde_json::Value;

use crate::{
    build::{Build, Program},
    calls::Calls,
    events,
    figures::{Run, median, thousandths},
    lambda::{Invocation, RuntimeApi},
    partners::{self, Issuer, Mail},
    process::Machine,
    table::{self, Table},
    vendor::{QUOTE, VENDOR},
};

/// In the order in which a quote meets them.
pub(crate) const FUNCTIONS: [&str; 9] =
    ["quotes", "notifications", "feedback", "documents", "payments", "issuance", "licenses", "desk", "deadlines"];

/// What quote numbers and SENs are derived from.
pub(crate) const NUMBER_KEY: &str = "example-number-secret";

/// The example's technical contact, who may see its licences.
pub(crate) const TECHNICAL_CONTACT: &str = "tina@customer.example";

/// What functions want to be told, but for whom else they deal with; the issuer is one that is never asked.
pub(crate) fn variables(table: &str) -> Vec<(&'static str, String)> {
    [
        ("AWS_ENDPOINT_URL_DYNAMODB", table),
        ("TABLE_NAME", table::NAME),
        ("VENDOR_DIR", VENDOR),
        ("PUBLIC_URL", "https://api.example.com"),
        ("PAYMENT_URL", "https://pay.example.com"),
        ("LINK_KEYS", "bench:example-link-secret"),
        ("NUMBER_KEY", NUMBER_KEY),
        ("OIDC_ISSUER", "https://issuer.example"),
        ("OIDC_AUDIENCE", partners::AUDIENCE),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// The same with whom else they deal; a key to sign licences with is put into `folder`.
pub(crate) fn all_variables(
    table: &str,
    issuer: &Issuer,
    mail: &Mail,
    folder: &Path,
) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let key = folder.join("license-key.pem");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key)?;
    std::io::Write::write_all(&mut file, partners::signing_key().to_pkcs8_pem(LineEnding::LF)?.as_bytes())?;
    let mut variables = variables(table);
    variables.retain(|(name, _)| *name != "OIDC_ISSUER");
    variables.extend([
        ("OIDC_ISSUER", issuer.url().to_owned()),
        ("AWS_ENDPOINT_URL_SES", mail.url().to_owned()),
        ("STRIPE_WEBHOOK_SECRET", partners::STRIPE_SECRET.to_owned()),
        ("LICENSE_KEY_FILE", key.display().to_string()),
    ]);
    Ok(variables)
}

/// Starts every function so many times, and one uncounted time before.
pub(crate) async fn measure(build: &Build, starts: u32) -> Result<Functions, Box<dyn Error>> {
    let programs = build.binaries(&FUNCTIONS).await?;
    let mut functions = Vec::new();
    for (program, zip) in programs.iter().zip(build.zipped(&FUNCTIONS).await?) {
        let binary = fs::metadata(&program.executable)?.len();
        functions.push(Function { name: program.name.clone(), binary, zip, runs: Vec::new() });
    }

    let (table, issuer, mail) = (Table::serve().await?, Issuer::serve().await?, Mail::serve(Calls::default()).await?);
    let folder = tempfile::tempdir()?;
    let variables = all_variables(table.endpoint(), &issuer, &mail, folder.path())?;
    let mut round = Round { machine: Machine { api: RuntimeApi::serve().await?, variables }, programs, table, issuer };
    round.run().await?;
    for _ in 0..starts {
        for (function, run) in functions.iter_mut().zip(round.run().await?) {
            function.runs.push(run);
        }
    }
    Ok(Functions { built: build.to_string(), functions, starts })
}

/// What one quote's way through all functions takes.
struct Round {
    machine: Machine,
    programs: Vec<Program>,
    table: Table,
    issuer: Issuer,
}

impl Round {
    /// One start of each function, in the order of [`FUNCTIONS`].
    async fn run(&mut self) -> Result<[Run; FUNCTIONS.len()], Box<dyn Error>> {
        let now = Clock::system().now();

        let create = Invocation::http(&events::post("/v1/quotes", &fs::read_to_string(QUOTE)?), 201);
        let (quotes, answer) = self.live("quotes", &create).await?;
        let quote: Value = serde_json::from_str(answer["body"].as_str().ok_or("a quote without a body")?)?;
        let number: QuoteNumber = quote["number"].as_str().unwrap_or_default().parse().map_err(|_| "a quote without a number")?;
        let issued = self.table.quote(&number)?;

        let created = Invocation::batch(&events::change(None, &issued, now));
        let (notifications, _) = self.live("notifications", &created).await?;

        let (feedback, _) = self.live("feedback", &Invocation::message(&events::bounce(number.compact(), now))).await?;

        let link = quote["links"]["document"].as_str().and_then(|link| link.strip_prefix("https://api.example.com"));
        let (path, query) = link.and_then(|link| link.split_once('?')).ok_or("a quote without a document")?;
        let (documents, _) = self.live("documents", &Invocation::http(&events::get(path, query), 200)).await?;

        let body = partners::paid(&quote, now)?;
        let signature = partners::stripe_signature(&body, now)?;
        let webhook = events::with_header(events::post("/webhooks/stripe", &body), "stripe-signature", signature);
        let (payments, _) = self.live("payments", &Invocation::http(&webhook, 200)).await?;

        let paid = Invocation::batch(&events::change(Some(&issued), &self.table.quote(&number)?, now));
        let (issuance, _) = self.live("issuance", &paid).await?;

        let sen = Minter::new(NUMBER_KEY.as_bytes()).sen(&number, 1, 0);
        let bearer = self.issuer.bearer(TECHNICAL_CONTACT, &[], now)?;
        let view = events::with_header(events::get(&format!("/v1/licenses/{sen}"), ""), "authorization", bearer);
        let (licenses, _) = self.live("licenses", &Invocation::http(&view, 200)).await?;

        let bearer = self.issuer.bearer("dana@vendor.example", &["vendor-staff"], now)?;
        let view = events::with_header(events::get(&format!("/v1/desk/quotes/{number}"), ""), "authorization", bearer);
        let (desk, _) = self.live("desk", &Invocation::http(&view, 200)).await?;

        let (deadlines, _) = self.live("deadlines", &Invocation::tick("reminded")).await?;

        Ok([quotes, notifications, feedback, documents, payments, issuance, licenses, desk, deadlines])
    }

    async fn live(&mut self, name: &str, invocation: &Invocation) -> Result<(Run, Value), Box<dyn Error>> {
        let program = self.programs.iter().find(|program| program.name == name).ok_or_else(|| format!("no function {name}"))?;
        let (run, mut answers) = self.machine.live(program, std::slice::from_ref(invocation)).await?;
        Ok((run, answers.pop().unwrap_or_default()))
    }
}

/// What was measured of all functions.
pub(crate) struct Functions {
    built: String,
    functions: Vec<Function>,
    starts: u32,
}

/// What was measured of one function.
struct Function {
    name: String,
    /// In bytes.
    binary: u64,
    /// In bytes.
    zip: u64,
    runs: Vec<Run>,
}

/// A table in Markdown.
impl fmt::Display for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; {} starts of each, medians\n", self.built, self.starts)?;
        writeln!(
            f,
            "| function | binary, MB | zip, MB | exec → asks for work, ms | exec → first answer, ms | peak memory, MB |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for Function { name, binary, zip, runs } in &self.functions {
            let of = |value: fn(&Run) -> u64| median(runs.iter().map(value));
            let [binary, zip] = [*binary, *zip].map(|bytes| thousandths(bytes, 1_000_000));
            let [asked, first] = [of(|run| run.asked), of(|run| run.first)].map(|time| thousandths(time, 1_000_000));
            let peak = thousandths(of(|run| run.peak) * 1024, 1_000_000);
            writeln!(f, "| `{name}` | {binary} | {zip} | {asked} | {first} | {peak} |")?;
        }
        Ok(())
    }
}
