//! Masks the numbers of payment cards in a text, so that it may be kept: all digits but the last four become `*`.

mod card;
mod guest;
mod json;

use guest::{log, Failure, Level};

/// Gets the data of an event, a JSON string, and returns the data of the result.
fn handle(data: &str) -> Result<String, Failure> {
    let text = json::unquoted(data).map_err(Failure::reject)?;
    let (masked, count) = card::masked(&text);
    log(Level::Info, &format!("Masked {count} card numbers"));
    Ok(json::quoted(&masked))
}
