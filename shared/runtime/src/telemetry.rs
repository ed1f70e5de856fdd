//! Where log lines are written, and in which format.
//!
//! `RUST_LOG` selects what is logged, by level and target as in `info,library=error`. Without it, everything from `info` up is
//! logged. Directives for fields and spans would need a regular-expression engine, so they are ignored. The first subscriber of
//! a process stays: a second start does nothing, so that a function may start it unconditionally.
//!
//! Log lines carry the machine's time, not that of a moved [`Clock`](crate::clock::Clock): they state when something
//! really happened.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs one JSON object per line to standard output, which is what log stores index. A panic is one line, too.
pub fn start() {
    // Refused only when the process already has a subscriber, which then stays.
    if structured(filter("info"), std::io::stdout).try_init().is_ok() {
        log_panics();
    }
}

/// Logs each panic in the span of its request or record. Its text is left out, because it may repeat what was sent or stored.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| tracing::error!(at = panic.location().map(ToString::to_string), "panicked")));
}

/// Logs short lines for a person at a terminal to standard error, which leaves standard output to the program. `RUST_LOG`
/// adds to `defaults`, which are written like it: `info,library=error`.
pub fn human(defaults: &str) {
    let lines = tracing_subscriber::fmt().compact().with_max_level(LevelFilter::TRACE).with_writer(std::io::stderr).finish();
    let _ = lines.with(filter(defaults)).try_init();
}

/// What is logged: `defaults`, overridden by `RUST_LOG`. A directive that cannot be read is ignored.
#[allow(clippy::disallowed_methods, reason = "RUST_LOG is not part of our configuration")]
fn filter(defaults: &str) -> Targets {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let directives = defaults.split(',').chain(wanted.split(',')).map(str::trim).filter(|directive| !directive.is_empty());
    let sound = directives.filter(|directive| directive.parse::<Targets>().is_ok());
    sound.collect::<Vec<_>>().join(",").parse().unwrap_or_default()
}

fn structured<W>(filter: Targets, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(LevelFilter::TRACE).with_writer(writer);
    lines.finish().with(filter)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Where lines are written to be read.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("the page").clone()).expect("text")
        }

        /// Log lines from `level` up go to the page, as they would to standard output.
        pub(crate) fn log(&self, level: &str) -> impl Subscriber + use<> {
            let writer = self.clone();
            structured(filter(level), move || writer.clone())
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the page").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_line_is_one_json_object_with_its_fields_and_its_span() {
        let page = Page::default();
        tracing::subscriber::with_default(page.log("info"), || {
            let _request = tracing::info_span!("request", id = "r-1").entered();
            tracing::debug!("not from info up");
            tracing::warn!(quote = "AT-1", "almost\nexpired");
        });

        let lines: Vec<serde_json::Value> =
            page.text().lines().map(|line| serde_json::from_str(line).expect("one JSON object per line")).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["message"], "almost\nexpired");
        assert_eq!(lines[0]["quote"], "AT-1");
        assert_eq!(lines[0]["span"]["id"], "r-1");
    }

    #[test]
    fn starting_again_in_any_order_changes_nothing() {
        start();
        assert!(tracing::dispatcher::has_been_set());
        human("info");
        start();
    }
}
