//! The store's staff, as far as a cart knows them.

use serde::Deserialize;

/// The code of a store's staff. It is in no message and no recording.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StaffCode(String);

impl StaffCode {
    /// Longer codes there are none.
    pub const MOST_DIGITS: usize = 12;

    /// Whether this is the code.
    pub fn is(&self, digits: &str) -> bool {
        self.0 == digits
    }
}

impl TryFrom<String> for StaffCode {
    type Error = &'static str;

    fn try_from(digits: String) -> Result<StaffCode, &'static str> {
        if !(4..=StaffCode::MOST_DIGITS).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit())
        {
            return Err("the code of the staff is 4 to 12 digits, in quotation marks: \"...\"");
        }
        Ok(StaffCode(digits))
    }
}

impl std::fmt::Debug for StaffCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaffCode(..)")
    }
}
