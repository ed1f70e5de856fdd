//! Verifies a licence file offline (R94): no network, only the file and the vendor's public keys.
//!
//! ```text
//! cargo run -q -p licensing --example verify -- LICENSE.lic KEYS.json [--on DATE]
//! ```
#![allow(clippy::print_stdout)]

use std::{
    env,
    error::Error,
    fmt, fs,
    io::{self, Read},
    iter,
    process::ExitCode,
};

use jiff::{Timestamp, civil::Date};
use licensing::{JwkSet, License, Standing, verify};
use serde::Deserialize;

const USAGE: &str = "\
usage: verify LICENSE KEYS [--on DATE]

  LICENSE    a licence file, or a JSON response with the member `license_file`; - reads standard input
  KEYS       the vendor's public keys: a JWK set
  --on DATE  check the licence for this day, such as 2026-01-31 (default: today)

exit: 0 valid, 1 expired or not verified, 2 wrong arguments or unreadable files";

fn main() -> ExitCode {
    let asked = match Request::read(env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match verify(&asked.license, &asked.keys) {
        Ok(license) => {
            let on = asked.on.unwrap_or_else(|| license.day_of(now()));
            let standing = license.standing(on);
            println!("{}", Statement { license, standing, on });
            ExitCode::from(u8::from(standing == Standing::Expired))
        }
        Err(error) => {
            println!("not verified: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

struct Request {
    license: String,
    keys: JwkSet,
    /// The day to check; the current day, if it is not given.
    on: Option<Date>,
}

impl Request {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut paths, mut on) = (Vec::new(), None);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--on" => {
                    let date = args.next().ok_or("--on needs a date")?;
                    on = Some(date.parse().map_err(|error| format!("--on {date}: {error}"))?);
                }
                option if option.starts_with("--") => return Err(format!("unknown option {option}")),
                _ => paths.push(arg),
            }
        }
        let [license, keys] = <[String; 2]>::try_from(paths).map_err(|_| "LICENSE and KEYS are required")?;
        Ok(Self {
            license: license_text(text_of(&license)?),
            keys: serde_json::from_str(&text_of(&keys)?).map_err(|error| format!("{keys}: not a JWK set: {error}"))?,
            on,
        })
    }
}

#[allow(clippy::disallowed_methods)] // the customer's machine has no other clock
fn now() -> Timestamp {
    Timestamp::now()
}

fn text_of(path: &str) -> Result<String, String> {
    let text = match path {
        "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        path => fs::read_to_string(path),
    };
    text.map_err(|error| format!("{path}: {error}"))
}

/// The licence file in a JSON response, or else the text itself.
fn license_text(text: String) -> String {
    #[derive(Deserialize)]
    struct Answer {
        license_file: String,
    }
    serde_json::from_str::<Answer>(&text).map_or(text, |answer| answer.license_file)
}

struct Statement {
    license: License,
    standing: Standing,
    on: Date,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { license, standing, on } = self;
        let until = |end: Option<Date>| end.map_or("without end".into(), |end| format!("until {end}, not including that day"));
        let edition = license.edition.as_ref().map_or(String::new(), |edition| format!(", {edition} edition"));
        writeln!(f, "{}: {standing} on {on}", license.sen)?;
        writeln!(f, "  licensee     {}", license.licensee)?;
        writeln!(f, "  product      {} ({}){edition}", license.product_name, license.product)?;
        writeln!(f, "  tier         {}", license.tier.map_or("unlimited users".into(), |users| format!("{users} users")))?;
        writeln!(f, "  kind         {}, purchased {}", license.kind, license.purchased)?;
        writeln!(f, "  use          {}", until(license.term_end))?;
        writeln!(f, "  maintenance  {}", until(license.maintenance_end.or(license.term_end)))?;
        writeln!(f, "  issued       {}", license.issued_at)?;
        write!(f, "  offline: verified with key {}", license.key_id)
    }
}

fn chain(error: &dyn Error) -> String {
    iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
