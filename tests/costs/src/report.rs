//! The stories, counted, and what they cost, as Markdown.

use std::collections::BTreeSet;

use axum::http::Method;
use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::{
    account::{Account, Fault, VENDOR},
    bill::Bill,
    figures::{dollars, grouped},
    journeys,
    meter::{Outcome, Spent},
    prices::{PriceList, There},
    template,
};

/// What 1,000 e-mailed quotes, and 1,000 paid licences, may cost in US dollars.
const QUOTES_GOAL: Decimal = Decimal::from_parts(12, 0, 0, false, 2);
/// See [`QUOTES_GOAL`].
const LICENSES_GOAL: Decimal = Decimal::from_parts(14, 0, 0, false, 2);

/// Long enough that nobody believes any more what policy was in force: the dearest case, and the usual one where requests are
/// rare.
const RARELY: SignedDuration = SignedDuration::from_secs(61);

/// An order's life: what each half of it used.
struct Life {
    quoted: Spent,
    paid: Spent,
    quote: Value,
    /// Bytes that stay in the table.
    kept: u64,
}

impl Life {
    /// Quote and letter; then payment, licences and letters.
    async fn of(account: &Account, order: &Value, key: &str) -> Result<Self, Fault> {
        let before = account.kept().await?;
        account.wait(RARELY);
        account.spent();
        let quote = account.quote(order, key).await?;
        let quoted = account.spent();
        account.wait(RARELY);
        for event in journeys::paid(&quote) {
            account.tell(&event).await?;
        }
        account.settled().await?;
        let paid = account.spent();
        let quote = account.follow("quotes", &quote, "").await?.expect(200)?;
        Ok(Self { quoted, paid, quote, kept: account.kept().await? - before })
    }

    /// How many licences it is about: a subscription has none.
    fn licenses(&self) -> usize {
        self.paid.calls().filter(|call| call.operation == "Sign" && matches!(call.outcome, Outcome::Done { .. })).count()
    }
}

/// Everything that was counted.
pub(crate) struct Report {
    prices: PriceList,
    example: Life,
    single: Life,
    steps: Vec<(&'static str, Spent)>,
    round: Spent,
}

impl Report {
    /// Lives the stories in an account of their own.
    pub(crate) async fn count() -> Result<Self, Fault> {
        let account = Account::open(VENDOR.as_ref()).await?;
        let example = Life::of(&account, &journeys::example()?, "three-lines").await?;
        let single = Life::of(&account, &journeys::licenses(1)?, "one-line").await?;
        let steps = steps(&account, &example.quote).await?;
        account.round().await?;
        Ok(Self { prices: PriceList::read()?, example, single, steps, round: account.spent() })
    }

    fn quotes(&self) -> Result<Bill<'_>, Fault> {
        Bill::of(&self.example.quoted, 1, &self.prices)
    }

    fn licenses(&self) -> Result<Bill<'_>, Fault> {
        Bill::of(&self.example.paid, self.example.licenses(), &self.prices)
    }

    fn single_licenses(&self) -> Result<Bill<'_>, Fault> {
        Bill::of(&self.single.paid, self.single.licenses(), &self.prices)
    }

    /// `infra/aws/COSTS.md`.
    pub(crate) fn markdown(&self) -> Result<String, Fault> {
        let PriceList { as_of, region, .. } = &self.prices;
        let (quotes, licenses, single) = (self.quotes()?, self.licenses()?, self.single_licenses()?);
        let summary = [
            ("e-mailed quotes", &quotes, Some(QUOTES_GOAL)),
            ("paid licences, two to an order", &licenses, Some(LICENSES_GOAL)),
            ("paid licences, one to an order", &single, None),
        ];
        let mut text = format!(
            "# What it costs

`cargo run -p costs -- --write` computes this file, and `cargo test -p costs` compares it. Both run the functions, count the
SDK's requests on the wire, and use an embedded DynamoDB that reports capacity units as AWS does. The prices are those of
[`prices.toml`](prices.toml), for {region}, as of {as_of}, before any free tier. **Neither a bill of AWS nor its price pages
were available.**

| 1,000 | US$ | of it mail | goal |
|---|--:|--:|--:|
"
        );
        for (what, bill, goal) in summary {
            let goal = goal.map_or("—".to_owned(), |goal| format!("≤ {goal}"));
            text += &format!("| {what} | {} | {} | {goal} |\n", dollars(bill.total()?), dollars(bill.mail()?));
        }
        text += &format!(
            "
## 1,000 e-mailed quotes

From the [request](../vendor/examples/quote.json) — a reseller, three lines — to the letter with its PDF.

{}
## 1,000 paid licences

The same order, from Stripe's webhook, which Checkout sends twice, to the letters to the technical contact and the
reseller, the latter with the invoice: two licences and a subscription. All of it is shared by the two licences.

{}
An order of one line is one licence, with two letters all the same:

{}
## AWS calls of each step

{}
## Every month

{}
{}",
            quotes.table()?,
            licenses.table()?,
            single.table()?,
            self.calls(),
            self.monthly()?,
            ASSUMPTIONS
        );
        Ok(text)
    }

    /// What is asked of AWS, step by step and function by function.
    fn calls(&self) -> String {
        let lives = [
            ("a quote of three lines, to its letter", &self.example.quoted),
            ("its payment, to its licences and letters", &self.example.paid),
        ];
        let steps =
            self.steps.iter().map(|(what, spent)| (*what, spent)).chain([("a timer run without pending work", &self.round)]);
        let mut table = "| step | function | calls |\n|---|---|---|\n".to_owned();
        for (what, spent) in lives.into_iter().chain(steps) {
            let functions: BTreeSet<_> = spent.calls().map(|call| call.function).collect();
            let mut what = what;
            for function in functions {
                let calls: Vec<_> =
                    spent.of(function).into_iter().map(|(operation, count)| format!("{count} `{operation}`")).collect();
                table += &format!("| {what} | `{function}` | {} |\n", calls.join(", "));
                what = "";
            }
        }
        table
    }

    /// What is paid for being there, and for the clock.
    fn monthly(&self) -> Result<String, Fault> {
        let by_route = if template::has_metrics_by_route() {
            // `Count`, `4xx`, `5xx`, `Latency`, `IntegrationLatency`, `DataProcessed`
            6 * template::resources("AWS::ApiGatewayV2::Route")
        } else {
            0
        };
        let there = [
            (There::Secrets, template::resources("AWS::SecretsManager::Secret")),
            (There::Keys, template::resources("AWS::KMS::Key")),
            (There::Alarms, template::resources("AWS::CloudWatch::Alarm")),
            (There::Dashboards, template::resources("AWS::CloudWatch::Dashboard")),
            (There::LogMetrics, template::resources("AWS::Logs::MetricFilter")),
            (There::RouteMetrics, by_route),
        ];
        let (mut table, mut total) = ("| | of | US$ each | US$ |\n|--:|---|---|--:|\n".to_owned(), Decimal::ZERO);
        for (what, count) in there.into_iter().filter(|(_, count)| *count > 0) {
            let (price, count) = (self.prices.monthly(what)?, Decimal::from(count));
            total += price.times(count);
            table += &format!("{} {} |\n", price.cells(count), dollars(price.times(count)));
        }
        let rounds = Decimal::from(template::rounds_a_month()?);
        let each = Bill::of(&self.round, 1, &self.prices)?.total()? / Decimal::ONE_THOUSAND;
        total += rounds * each;
        table += &format!("| {} | rounds of `deadlines` | | {} |\n", grouped(rounds), dollars(rounds * each));
        table += &format!(
            "| | **all** | | **{}** |\n| | *and, for every 1,000 paid orders of three lines that are kept* | | |\n",
            dollars(total)
        );
        for what in [There::Table, There::Backups] {
            let (price, megabytes) = (self.prices.monthly(what)?, Decimal::from(self.example.kept) / Decimal::ONE_THOUSAND);
            table += &format!("{} {} |\n", price.cells(megabytes), dollars(price.times(megabytes)));
        }
        Ok(table)
    }
}

/// Single requests about a paid quote.
async fn steps(account: &Account, quote: &Value) -> Result<Vec<(&'static str, Spent)>, Fault> {
    let sen = quote["licenses"][0]["sen"].as_str().ok_or("a paid quote names its licences")?;
    let license = format!("/v1/licenses/{sen}");
    let mut steps = Vec::new();
    account.spent();
    account.follow("quotes", quote, "").await?.expect(200)?;
    steps.push(("a quote is read", account.spent()));
    account.follow("documents", quote, "/document.pdf").await?;
    steps.push(("its PDF is read", account.spent()));
    account.license(Method::GET, &license).await?.expect(200)?;
    steps.push(("a licence is read", account.spent()));
    account.license(Method::POST, &format!("{license}/reveal")).await?.expect(200)?;
    steps.push(("its key is revealed", account.spent()));
    account.license(Method::GET, "/.well-known/license-keys.json").await?.expect(200)?;
    steps.push(("the public keys are read", account.spent()));
    Ok(steps)
}

const ASSUMPTIONS: &str = "## Assumptions, and what is not included

* Requests are rare: each one reads again which policy is in force, one in twenty is a cold start, and every stream record is
  an invocation of its own. Under more load, a request costs less.
* Milliseconds cannot be counted here. [`prices.toml`](prices.toml) has the assumed duration of each function and of each
  service's response. Together they decide only a small row.
* Attachments are counted as sent, in base64. Nothing is sent twice, throttled or refused.
* AWS's free tiers include the first 100 GB a month to the internet, a million Lambda requests, ten alarms and more.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    async fn report() -> Report {
        Report::count().await.expect("the stories are told to their end")
    }

    /// Issue 4: at most US$ 0.12 per 1,000 e-mailed quotes, and US$ 0.14 per 1,000 paid licences; and what is printed is what
    /// the file says.
    #[tokio::test]
    async fn quotes_and_licences_cost_no_more_than_they_may_and_the_file_says_so() {
        let report = report().await;
        let total = |bill: Bill<'_>| bill.total().expect("everything has a price");
        let (quotes, licenses) = (total(report.quotes().expect("a bill")), total(report.licenses().expect("a bill")));
        assert!(quotes <= QUOTES_GOAL, "1,000 e-mailed quotes cost US$ {quotes}");
        assert!(licenses <= LICENSES_GOAL, "1,000 paid licences cost US$ {licenses}");

        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/COSTS.md");
        let written = std::fs::read_to_string(file).expect("infra/aws/COSTS.md");
        let counted = report.markdown().expect("everything has a price");
        assert!(written == counted, "infra/aws/COSTS.md is stale: run `cargo run -p costs -- --write`. It is now:\n{counted}");
    }
}
