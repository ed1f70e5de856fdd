//! Quotes, and the payments that settle them.

use std::collections::BTreeSet;

use domain::{
    Quote, QuoteNumber,
    payment::{PaymentId, Receipt},
    quote::Change,
    settlement::Settlement,
};

use crate::{
    Commit, Created, Error, Store,
    item::{self, Item, KIND},
    keys::Key,
};

impl Store {
    /// Creates a quote: one conditional write, no read.
    ///
    /// `Exists` contains the quote that has this number. It is the result of an earlier attempt of the same request, or another
    /// customer's quote.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the quote was written, and retrying is safe.
    pub async fn create_quote(&self, quote: &Quote) -> Result<Created<Quote>, Error> {
        self.create(quote, "PutItem of a quote").await
    }

    /// Reads the quote with this number.
    pub async fn quote(&self, number: &QuoteNumber) -> Result<Option<Quote>, Error> {
        self.load(&Key::quote(number), "GetItem of a quote").await
    }

    /// Commits a change of a quote, if the stored version is the one on which the change was decided.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the change was written, and retrying is safe: a second write is a `Conflict`.
    pub async fn commit(&self, change: &Change) -> Result<Commit, Error> {
        self.replace(&change.next, "PutItem of a quote").await
    }

    /// Reads a payment's receipt, and the quote that the payment names, in one call.
    pub async fn receipt_and_quote(
        &self,
        payment: &PaymentId,
        number: Option<&QuoteNumber>,
    ) -> Result<(Option<Receipt>, Option<Quote>), Error> {
        let keys: BTreeSet<_> = std::iter::once(Key::receipt(payment)).chain(number.map(Key::quote)).collect();
        let (mut receipt, mut quote) = (None, None);
        for found in self.get_all(&keys, "BatchGetItem of a receipt and a quote").await? {
            match item::text(&found, KIND) {
                Some(Receipt::KIND) => receipt = Some(item::aggregate(&found)?),
                _ => quote = Some(item::aggregate(&found)?),
            }
        }
        Ok((receipt, quote))
    }

    /// Commits a settlement: the receipt and the quote together, or neither. A settlement without a write is `Committed`
    /// without a call.
    ///
    /// One transaction writes both, because a payment must never be applied to two quotes. In addition, a refund must not be
    /// stored as unapplied while its payment is being applied.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the settlement was written. Retry by loading and deciding again.
    pub async fn commit_settlement(&self, settlement: &Settlement) -> Result<Commit, Error> {
        const OPERATION: &str = "TransactWriteItems of a receipt and a quote";
        let Settlement { receipt, quote, .. } = settlement;
        let writes = [receipt.as_ref().map(|receipt| self.put(receipt)), quote.as_ref().map(|change| self.put(&change.next))];
        let writes = writes.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
        if writes.is_empty() {
            return Ok(Commit::Committed);
        }
        self.transact(writes, OPERATION).await
    }
}
