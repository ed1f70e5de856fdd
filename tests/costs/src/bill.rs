//! What was counted, times its price.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::{
    account::Fault,
    figures::dollars,
    meter::{Call, Entry, Outcome, Spent},
    prices::{Assumed, PriceList, Used},
    template,
};

/// As many as everything is told of.
const THOUSAND: Decimal = Decimal::ONE_THOUSAND;

/// What a thousand of something cost.
pub(crate) struct Bill<'p> {
    prices: &'p PriceList,
    used: BTreeMap<Used, Decimal>,
}

impl<'p> Bill<'p> {
    /// What a thousand times `spent` costs, shared by `among` of them: the licences of an order.
    ///
    /// # Errors
    ///
    /// Something was counted whose cost nobody knows: a call that was refused or not answered, or of an unknown kind.
    pub(crate) fn of(spent: &Spent, among: usize, prices: &'p PriceList) -> Result<Self, Fault> {
        let mut once = BTreeMap::new();
        for entry in &spent.0 {
            for (used, amount) in amounts(entry, &prices.assumed)? {
                *once.entry(used).or_default() += amount;
            }
        }
        let share = THOUSAND / Decimal::from(among);
        Ok(Self { prices, used: once.into_iter().map(|(used, amount): (Used, Decimal)| (used, amount * share)).collect() })
    }

    /// US dollars for all that counts.
    pub(crate) fn total(&self) -> Result<Decimal, Fault> {
        self.sum(Used::counts)
    }

    /// US dollars for the part of it that is mail.
    pub(crate) fn mail(&self) -> Result<Decimal, Fault> {
        self.sum(Used::is_mail)
    }

    fn sum(&self, of: fn(Used) -> bool) -> Result<Decimal, Fault> {
        self.used.keys().filter(|used| of(**used)).map(|used| self.cost(*used)).sum()
    }

    fn cost(&self, used: Used) -> Result<Decimal, Fault> {
        Ok(self.prices.of(used)?.times(self.used.get(&used).copied().unwrap_or_default()))
    }

    /// As a table in Markdown: what counts, and then what does not.
    pub(crate) fn table(&self) -> Result<String, Fault> {
        let row = |(used, amount): (&Used, &Decimal)| {
            Ok::<_, Fault>(format!("{} {} |\n", self.prices.of(*used)?.cells(*amount), dollars(self.cost(*used)?)))
        };
        let rows =
            |counts| self.used.iter().filter(move |(used, _)| used.counts() == counts).map(row).collect::<Result<String, _>>();
        let (total, mail) = (dollars(self.total()?), dollars(self.mail()?));
        Ok(format!(
            "| counted | of | US$ each | US$ |\n|--:|---|---|--:|\n{}| | **all** | | **{total}** |\n| | of it mail | | {mail} |\n\
             | | *and, beside that* | | |\n{}",
            rows(true)?,
            rows(false)?
        ))
    }
}

/// What an entry used of what.
fn amounts(entry: &Entry, assumed: &Assumed) -> Result<Vec<(Used, Decimal)>, Fault> {
    Ok(match entry {
        Entry::Request { bytes } => vec![
            (Used::Requests, Decimal::ONE),
            (Used::Internet, megabytes(Decimal::from(*bytes))),
            (Used::Logs, megabytes(assumed.log_bytes_per_request)),
        ],
        Entry::Invocation { function } => {
            let work = assumed.work(function)?;
            let starts = assumed.starts_per_hundred / Decimal::ONE_HUNDRED;
            // Whoever has less memory has a smaller share of a processor, and takes longer.
            let slowness = (assumed.megabytes_per_processor / Decimal::from(template::memory(function)?)).max(Decimal::ONE);
            let milliseconds = (work.warm_ms + starts * work.start_ms) * slowness;
            vec![
                (Used::Invocations, Decimal::ONE),
                (Used::GigabyteSeconds, gigabyte_seconds(function, milliseconds)?),
                (Used::SecretReads, starts * work.secrets),
                (Used::Logs, megabytes(assumed.log_bytes_per_invocation)),
            ]
        }
        Entry::Call(call) => {
            let (used, amount, milliseconds) = asked(call, assumed)?;
            vec![(used, amount), (Used::GigabyteSeconds, gigabyte_seconds(call.function, milliseconds)?)]
        }
        Entry::Letter { recipients, bytes, attached } => vec![
            (Used::Letters, Decimal::from(*recipients)),
            (Used::Attachments, megabytes(Decimal::from(*attached))),
            (Used::Internet, megabytes(Decimal::from(*bytes))),
        ],
    })
}

/// What a call used of what, and for how long it was waited for.
fn asked(call: &Call, assumed: &Assumed) -> Result<(Used, Decimal, Decimal), Fault> {
    let Call { function, operation, outcome } = call;
    let unknown = || format!("nobody knows what {operation} of {function} costs: {outcome:?}");
    let Outcome::Done { units } = outcome else { return Err(unknown().into()) };
    match (operation.as_str(), *units) {
        ("GetItem" | "BatchGetItem" | "Query", Some(units)) => Ok((Used::Reads, units, assumed.dynamodb_ms)),
        ("PutItem" | "UpdateItem" | "TransactWriteItems", Some(units)) => Ok((Used::Writes, units, assumed.dynamodb_ms)),
        ("Sign", None) => Ok((Used::Signatures, Decimal::ONE, assumed.kms_ms)),
        // What it costs is the letter's.
        ("SendRawEmail", None) => Ok((Used::Letters, Decimal::ZERO, assumed.ses_ms)),
        _ => Err(unknown().into()),
    }
}

fn gigabyte_seconds(function: &str, milliseconds: Decimal) -> Result<Decimal, Fault> {
    Ok(Decimal::from(template::memory(function)?) / Decimal::from(1024) * milliseconds / THOUSAND)
}

fn megabytes(bytes: Decimal) -> Decimal {
    bytes / Decimal::from(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    #[test]
    fn what_was_refused_has_no_price() {
        let prices = PriceList::read().expect("a price list");
        let bill = |outcome| {
            let call = Call { function: "quotes", operation: "PutItem".to_owned(), outcome };
            Bill::of(&Spent(vec![Entry::Call(call)]), 1, &prices).map(|bill| bill.used[&Used::Writes])
        };
        assert_eq!(bill(Outcome::Done { units: Some(decimal("7")) }).expect("a price"), decimal("7000"));
        for outcome in [Outcome::Refused("ConditionalCheckFailedException".to_owned()), Outcome::Unanswered] {
            assert!(bill(outcome).is_err_and(|why| why.to_string().contains("PutItem of quotes")));
        }
    }
}
