//! Issue 4, "Measured": how much each function may ask of AWS.

use std::collections::BTreeMap;

use axum::http::Method;

use crate::{
    account::{Account, Fault},
    journeys,
    meter::Spent,
};

/// Exactly these calls, and no others.
fn calls(calls: &[(&str, u32)]) -> BTreeMap<String, u32> {
    calls.iter().map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
}

/// An account in which every function has served before: it knows which policy is in force.
async fn warm() -> Result<Account, Fault> {
    let vendor = tests::plain_vendor();
    let account = Account::open(vendor.path()).await?;
    let quote = account.quote(&journeys::licenses(1)?, "before").await?;
    account.tell(&journeys::paid(&quote)[0]).await?;
    account.settled().await?;
    account.spent();
    Ok(account)
}

/// What a paid order of so many lines used, each for a licence of its own.
async fn paid(lines: usize) -> Result<Spent, Fault> {
    let account = warm().await?;
    let quote = account.quote(&journeys::licenses(lines)?, "now").await?;
    account.spent();
    account.tell(&journeys::paid(&quote)[0]).await?;
    account.settled().await?;
    Ok(account.spent())
}

#[tokio::test]
async fn a_quote_is_created_by_one_write_and_no_read() -> Result<(), Fault> {
    let account = warm().await?;
    account.order(&journeys::example()?, "now").await?.expect(201)?;
    assert_eq!(account.spent().of("quotes"), calls(&[("PutItem", 1)]));
    Ok(())
}

/// The item that is there comes with the refusal: `ReturnValuesOnConditionCheckFailure`.
#[tokio::test]
async fn a_creation_that_is_repeated_is_one_refused_write_and_no_read() -> Result<(), Fault> {
    let account = warm().await?;
    let first = account.order(&journeys::example()?, "now").await?.expect(201)?;
    account.settled().await?;
    account.spent();
    let second = account.order(&journeys::example()?, "now").await?.expect(201)?;
    account.settled().await?;
    let spent = account.spent();
    assert_eq!(second, first);
    assert_eq!(spent.of("quotes"), calls(&[("PutItem refused: ConditionalCheckFailedException", 1)]));
    assert_eq!(spent.calls().count(), 1, "and nobody else hears of it");
    Ok(())
}

#[tokio::test]
async fn a_quote_is_read_by_one_read() -> Result<(), Fault> {
    let account = warm().await?;
    let quote = account.quote(&journeys::example()?, "now").await?;
    account.spent();
    account.follow("quotes", &quote, "").await?.expect(200)?;
    assert_eq!(account.spent().of("quotes"), calls(&[("GetItem", 1)]));
    Ok(())
}

/// Both the payment and the quote are read by one call, and written by one transaction.
#[tokio::test]
async fn a_webhook_is_one_read_and_one_write() -> Result<(), Fault> {
    let account = warm().await?;
    let quote = account.quote(&journeys::example()?, "now").await?;
    account.spent();
    let [first, second] = journeys::paid(&quote);
    assert_eq!(account.tell(&first).await?["outcome"], "applied");
    assert_eq!(account.spent().of("payments"), calls(&[("BatchGetItem", 1), ("TransactWriteItems", 1)]));
    assert_eq!(account.tell(&second).await?["outcome"], "already_processed");
    assert_eq!(account.spent().of("payments"), calls(&[("BatchGetItem", 1)]), "what is known already is only read");
    Ok(())
}

/// The update is of the quote and of its series of invoices, in one transaction. The two reads are of these.
#[tokio::test]
async fn n_licences_are_n_writes_n_signatures_and_one_update() -> Result<(), Fault> {
    for lines in [1, 3] {
        let n = u32::try_from(lines)?;
        let expected = calls(&[("GetItem", 2), ("PutItem", n), ("Sign", n), ("TransactWriteItems", 1)]);
        assert_eq!(paid(lines).await?.of("issuance"), expected, "{lines} licences");
    }
    Ok(())
}

/// A read of the quote for all of its letters. For each letter a look whether it was sent before and what came back from its mailbox, the letter, and a note that it was;
/// before a letter that asks for payment, a look whether the quote is still as it was. When all are sent, that is noted at the quote.
#[tokio::test]
async fn a_letter_is_one_read_one_message_and_one_note_and_all_letters_of_a_quote_are_one_read_and_one_update()
-> Result<(), Fault> {
    let account = warm().await?;
    account.quote(&journeys::example()?, "now").await?;
    let one = calls(&[("BatchGetItem", 1), ("GetItem", 2), ("SendRawEmail", 1), ("PutItem", 1), ("UpdateItem", 1)]);
    assert_eq!(account.spent().of("notifications"), one, "the quote");
    let two = calls(&[("BatchGetItem", 2), ("GetItem", 1), ("SendRawEmail", 2), ("PutItem", 2), ("UpdateItem", 1)]);
    assert_eq!(paid(1).await?.of("notifications"), two, "the confirmation and the receipt");
    Ok(())
}

#[tokio::test]
async fn a_licence_is_read_by_one_read_and_revealed_by_one_more_write() -> Result<(), Fault> {
    let account = warm().await?;
    let quote = account.quote(&journeys::licenses(1)?, "now").await?;
    account.tell(&journeys::paid(&quote)[0]).await?;
    account.settled().await?;
    let quote = account.follow("quotes", &quote, "").await?.expect(200)?;
    let license = format!("/v1/licenses/{}", quote["licenses"][0]["sen"].as_str().ok_or("a licence")?);
    account.spent();
    account.license(Method::GET, &license).await?.expect(200)?;
    assert_eq!(account.spent().of("licenses"), calls(&[("GetItem", 1)]));
    account.license(Method::POST, &format!("{license}/reveal")).await?.expect(200)?;
    assert_eq!(account.spent().of("licenses"), calls(&[("GetItem", 1), ("PutItem", 1)]), "who saw it is noted first");
    Ok(())
}

#[tokio::test]
async fn a_round_of_deadlines_is_two_queries_when_nothing_waits() -> Result<(), Fault> {
    let account = warm().await?;
    account.round().await?;
    assert_eq!(account.spent().of("deadlines"), calls(&[("Query", 2)]));
    Ok(())
}
