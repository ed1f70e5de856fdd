//! Settings by name, read once at the start, with every mistake reported together.
//!
//! ```
//! use runtime::configuration::{BaseUrl, Configuration, Reader};
//! use runtime::secret::Secret;
//!
//! struct Settings {
//!     table: String,
//!     webhook: Secret,
//!     public_url: BaseUrl,
//!     practice: bool,
//! }
//!
//! impl Settings {
//!     fn read(c: &mut Reader<'_>) -> Self {
//!         Self {
//!             table: c.required("TABLE_NAME"),
//!             webhook: c.secret("STRIPE_WEBHOOK_SECRET"),
//!             public_url: c.url("PUBLIC_URL"),
//!             practice: c.flag("PRACTICE_PAYMENTS", false),
//!         }
//!     }
//! }
//!
//! let configuration = Configuration::from_pairs([("TABLE_NAME", "sellthrough"), ("PUBLIC_URL", "ftp://example.com")]);
//! let error = configuration.read(Settings::read).err().expect("two mistakes");
//! assert_eq!(
//!     error.errors().iter().map(|error| error.variable()).collect::<Vec<_>>(),
//!     ["STRIPE_WEBHOOK_SECRET", "PUBLIC_URL"],
//! );
//! ```

mod base_url;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use futures_util::future::join_all;

pub(crate) use self::base_url::is_confidential;
pub use self::base_url::{BaseUrl, NotABaseUrl};
use crate::secret::Secret;

/// The settings that one function was given.
///
/// Several functions in one process each have their own; only [`from_env`](Configuration::from_env) looks at the
/// process's environment.
#[derive(Clone, Default)]
pub struct Configuration(BTreeMap<String, String>);

impl Configuration {
    /// The present environment of this process. A variable that is not UTF-8 counts as not set.
    #[allow(clippy::disallowed_methods, reason = "the only place that reads the environment")]
    pub fn from_env() -> Self {
        let text =
            |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The given names and values. If a name is given twice, the later value counts.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// Fetches the secrets that are kept in Secrets Manager: a variable `NAME_FROM` with the ARN of a secret becomes `NAME`.
    /// `fetch` returns the secret of an ARN, or the reason why it cannot be read, without its value.
    ///
    /// # Errors
    ///
    /// Every secret that cannot be read, and every secret that is also set directly, because it is unclear which value counts.
    pub(crate) async fn with_secrets(
        mut self,
        fetch: impl AsyncFn(String) -> Result<String, String>,
    ) -> Result<Self, ConfigurationError> {
        let kept = self.0.iter().filter(|(_, value)| is_secret_arn(value));
        let kept: Vec<_> = kept.filter_map(|(name, arn)| Some((name.strip_suffix(FROM)?.to_owned(), arn.clone()))).collect();
        // Concurrently: a start then waits only for the slowest of them.
        let fetched = join_all(kept.into_iter().map(async |(name, arn)| {
            let got = match self.0.contains_key(&name) {
                true => Err((format!("is set beside {name}"), "remove one of them")),
                false => fetch(arn).await.map_err(|why| {
                    let remedy = "check that it exists, and that this function's role may read it";
                    (format!("names a secret that cannot be read ({why})"), remedy)
                }),
            };
            (name, got)
        }));
        let fetched: Vec<_> = fetched.await;
        let mut errors = Vec::new();
        for (name, got) in fetched {
            match got {
                Ok(secret) => drop(self.0.insert(name, secret)),
                Err((problem, remedy)) => {
                    let variable = format!("{name}{FROM}").into();
                    errors.push(SettingError { variable, problem: problem.into(), remedy: remedy.into() });
                }
            }
        }
        if errors.is_empty() { Ok(self) } else { Err(ConfigurationError(errors)) }
    }

    /// Reads settings. `read` takes each of them from the [`Reader`].
    ///
    /// # Errors
    ///
    /// Every mistake in the settings that were read. The result of `read` is then dropped. Retrying without a change of the
    /// configuration gives the same result.
    pub fn read<T>(&self, read: impl FnOnce(&mut Reader<'_>) -> T) -> Result<T, ConfigurationError> {
        let mut reader = Reader { configuration: self, errors: Vec::new() };
        let settings = read(&mut reader);
        if reader.errors.is_empty() { Ok(settings) } else { Err(ConfigurationError(reader.errors)) }
    }
}

/// The suffix of a variable that names where a setting is kept.
const FROM: &str = "_FROM";

/// Whether a text is the ARN of a secret in Secrets Manager, in any of AWS's partitions.
fn is_secret_arn(text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some("secretsmanager")
}

/// Shows names only: any value may be a secret.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Configuration").field(&self.0.keys()).finish()
    }
}

/// Reads one setting after the other and collects their mistakes.
///
/// A read that finds a mistake records it and returns a placeholder, so that reading continues to the next mistake.
/// [`Configuration::read`] never returns a value that contains a placeholder.
///
/// White space around a value is not part of it. An empty variable counts as not set, because deployment templates cannot
/// omit a variable easily. For secrets, both are mistakes.
#[derive(Debug)]
pub struct Reader<'a> {
    configuration: &'a Configuration,
    errors: Vec<SettingError>,
}

impl<'a> Reader<'a> {
    /// A required text.
    pub fn required(&mut self, name: &'static str) -> String {
        self.demanded(name, "give it a value").unwrap_or_default().to_owned()
    }

    /// An optional text.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A required secret. An empty or padded one is a mistake (see [`Secret::new`]).
    pub fn secret(&mut self, name: &'static str) -> Secret {
        if !self.configuration.0.contains_key(name) {
            self.refuse(name, "is not set", "set it to the secret");
        }
        self.optional_secret(name).unwrap_or_else(Secret::stand_in)
    }

    /// A secret whose absence turns a feature off. To be absent, it must be unset: an empty one is a mistake.
    pub fn optional_secret(&mut self, name: &'static str) -> Option<Secret> {
        let value = self.configuration.0.get(name)?;
        Secret::new(value)
            .map_err(|why| self.refuse(name, why.to_string(), "set it to exactly the secret, or remove the variable"))
            .ok()
    }

    /// A required address (see [`BaseUrl`]).
    pub fn url(&mut self, name: &'static str) -> BaseUrl {
        const REMEDY: &str = "set it to an address such as https://shop.example.com";
        let Some(text) = self.demanded(name, REMEDY) else { return BaseUrl::stand_in() };
        text.parse().unwrap_or_else(|why: NotABaseUrl| {
            self.refuse(name, why.to_string(), REMEDY);
            BaseUrl::stand_in()
        })
    }

    /// `true` or `false`; `default` when it is not set.
    pub fn flag(&mut self, name: &'static str, default: bool) -> bool {
        self.parsed(name, default, "set it to true or false")
    }

    /// A value of any type that can be read from text; `default` when it is not set. `remedy` states what to set it to.
    pub fn parsed<T: FromStr>(&mut self, name: &'static str, default: T, remedy: &'static str) -> T {
        match self.text(name).map(str::parse) {
            None => default,
            Some(Ok(value)) => value,
            // The error of the type is not repeated: it may quote the value, and the value may be a misplaced secret.
            Some(Err(_)) => {
                self.refuse(name, "cannot be read", remedy);
                default
            }
        }
    }

    /// Texts separated by commas, without the white space around them; empty when it is not set.
    pub fn list(&mut self, name: &'static str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// Records a mistake that only the caller can detect: a key of the wrong length, two settings that exclude each other.
    ///
    /// Neither `problem` nor `remedy` may quote the value.
    pub fn refuse(&mut self, name: &'static str, problem: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) {
        self.errors.push(SettingError { variable: name.into(), problem: problem.into(), remedy: remedy.into() });
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.configuration.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn demanded(&mut self, name: &'static str, remedy: &'static str) -> Option<&'a str> {
        let text = self.text(name);
        if text.is_none() {
            let problem = if self.configuration.0.contains_key(name) { "is empty" } else { "is not set" };
            self.refuse(name, problem, remedy);
        }
        text
    }
}

/// A mistake: the variable, what is wrong with it, and what to do. Never the value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettingError {
    variable: Cow<'static, str>,
    problem: Cow<'static, str>,
    remedy: Cow<'static, str>,
}

impl SettingError {
    /// The name of the variable.
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.variable, self.problem, self.remedy)
    }
}

/// All mistakes of a configuration, one line each.
#[derive(Clone, Eq, PartialEq)]
pub struct ConfigurationError(Vec<SettingError>);

/// The same as `Display`: a `main` that returns the error prints it with `Debug`.
impl fmt::Debug for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ConfigurationError {
    /// The mistakes, in the order in which the settings were read; at least one.
    pub fn errors(&self) -> &[SettingError] {
        &self.0
    }
}

impl std::error::Error for ConfigurationError {}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read_with_its_type() {
        let configuration = Configuration::from_pairs([
            ("TABLE_NAME", " sellthrough "),
            ("KEY", "k"),
            ("PUBLIC_URL", "https://shop.example.com/eu/"),
            ("PRACTICE", "true"),
            ("LANGUAGES", "en, de,,fr "),
            ("PORT", "8080"),
            ("EMPTY", ""),
        ]);
        let read = configuration.read(|c| {
            assert_eq!(c.required("TABLE_NAME"), "sellthrough");
            assert_eq!(c.secret("KEY").expose(), "k");
            assert!(c.optional_secret("NO_KEY").is_none());
            assert_eq!(c.url("PUBLIC_URL").join("/v1/quotes"), "https://shop.example.com/eu/v1/quotes");
            assert!(c.flag("PRACTICE", false) && c.flag("UNSET", true) && !c.flag("EMPTY", false));
            assert_eq!(c.list("LANGUAGES"), ["en", "de", "fr"]);
            assert!(c.list("UNSET").is_empty());
            assert_eq!(c.parsed("PORT", 80_u16, "set it to a port"), 8080);
            assert_eq!((c.optional("EMPTY"), c.optional("UNSET")), (None, None));
        });
        assert_eq!(read, Ok(()));
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_what_to_do_and_without_a_value() {
        let configuration = Configuration::from_pairs([
            ("EMPTY", " "),
            ("EMPTY_SECRET", ""),
            ("PADDED", "hunter2\n"),
            ("URL", "ftp://user:hunter2@example.com"),
            ("FLAG", "hunter2"),
        ]);
        let error = configuration
            .read(|c| {
                c.required("UNSET");
                c.required("EMPTY");
                c.secret("UNSET_SECRET");
                c.secret("EMPTY_SECRET");
                c.optional_secret("PADDED");
                c.url("URL");
                c.url("EMPTY");
                c.flag("FLAG", true);
                c.refuse("KEY", "has 31 bytes", "make one of 32 bytes");
            })
            .expect_err("nine mistakes");

        let text = error.to_string();
        let (first, lines) = text.split_once('\n').expect("several lines");
        assert_eq!(first, "the configuration cannot be used:");
        assert_eq!(
            lines.lines().map(str::trim).collect::<Vec<_>>(),
            [
                "UNSET is not set: give it a value",
                "EMPTY is empty: give it a value",
                "UNSET_SECRET is not set: set it to the secret",
                "EMPTY_SECRET is empty: set it to exactly the secret, or remove the variable",
                "PADDED starts or ends with white space: set it to exactly the secret, or remove the variable",
                "URL is neither https nor http on this machine: set it to an address such as https://shop.example.com",
                "EMPTY is empty: set it to an address such as https://shop.example.com",
                "FLAG cannot be read: set it to true or false",
                "KEY has 31 bytes: make one of 32 bytes",
            ]
        );
        assert!(!format!("{error:?} {configuration:?}").contains("hunter2"));
        assert!(format!("{configuration:?}").contains("PADDED"), "names are shown");
    }

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:number-key-a1b2c3";

    async fn fetched(pairs: &[(&str, &str)]) -> Result<Configuration, ConfigurationError> {
        let fetch = async |arn: String| match arn == ARN {
            true => Ok("hunter2".to_owned()),
            false => Err("ResourceNotFoundException".to_owned()),
        };
        Configuration::from_pairs(pairs.iter().copied()).with_secrets(fetch).await
    }

    #[tokio::test]
    async fn a_secret_kept_elsewhere_is_read_as_if_it_were_set() {
        let china = ARN.replace("arn:aws:", "arn:aws-cn:");
        let configuration = fetched(&[("NUMBER_KEY_FROM", ARN), ("MAIL_FROM", "arn of nothing")]).await.expect("it is there");
        let key = configuration.read(|c| c.secret("NUMBER_KEY")).expect("a secret");
        assert_eq!(key.expose(), "hunter2");
        assert!(configuration.read(|c| c.required("MAIL")).is_err(), "only secrets are fetched");
        assert!(is_secret_arn(&china) && !is_secret_arn("arn:aws:ssm:eu-central-1:000000000000:parameter/secretsmanager"));
    }

    #[tokio::test]
    async fn every_secret_that_cannot_be_had_is_reported_without_a_value() {
        let missing = ARN.replace("number", "link");
        let set = [("LINK_KEYS_FROM", &*missing), ("NUMBER_KEY_FROM", ARN), ("NUMBER_KEY", "hunter3")];
        let text = fetched(&set).await.expect_err("two mistakes").to_string();
        assert_eq!(
            text.lines().skip(1).map(str::trim).collect::<Vec<_>>(),
            [
                "LINK_KEYS_FROM names a secret that cannot be read (ResourceNotFoundException): check that it exists, and that \
                 this function's role may read it",
                "NUMBER_KEY_FROM is set beside NUMBER_KEY: remove one of them",
            ]
        );
    }
}
