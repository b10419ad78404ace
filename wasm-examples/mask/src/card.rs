use std::ops::Range;

// The lengths of a card's number that ISO/IEC 7812 allows.
const SHORTEST: usize = 13;
const LONGEST: usize = 19;
const SHOWN: usize = 4;

/// Masks the card numbers in a text, and counts them. A number may have its digits in groups, with one space or hyphen
/// between two groups.
pub fn masked(text: &str) -> (String, usize) {
    let mut chars: Vec<char> = text.chars().collect();
    let groups = digit_groups(&chars);
    let mut count = 0;
    let mut first = 0;
    while first < groups.len() {
        match card_at(&chars, &groups[first..]) {
            Some(length) => {
                let digits = groups[first..first + length].iter().cloned().flatten();
                mask(&mut chars, &digits.collect::<Vec<_>>());
                count += 1;
                first += length;
            }
            None => first += 1,
        }
    }
    (chars.into_iter().collect(), count)
}

/// The index ranges of all runs of digits.
fn digit_groups(chars: &[char]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (index, _) in chars.iter().enumerate().filter(|(_, c)| c.is_ascii_digit()) {
        match groups.last_mut() {
            Some(group) if group.end == index => group.end += 1,
            _ => groups.push(index..index + 1),
        }
    }
    groups
}

/// The number of groups in the longest card number that starts with the first group.
fn card_at(chars: &[char], groups: &[Range<usize>]) -> Option<usize> {
    let mut digits: Vec<u32> = Vec::new();
    let mut found = None;
    for (index, group) in groups.iter().enumerate() {
        let follows = index == 0 || is_gap(&chars[groups[index - 1].end..group.start]);
        if !follows || digits.len() + group.len() > LONGEST {
            break;
        }
        digits.extend(chars[group.clone()].iter().filter_map(|c| c.to_digit(10)));
        if digits.len() >= SHORTEST && has_check_digit(&digits) {
            found = Some(index + 1);
        }
    }
    found
}

fn is_gap(between: &[char]) -> bool {
    matches!(between, [' ' | '-'])
}

/// Luhn's check. Nine of ten numbers that are not of a card fail it.
fn has_check_digit(digits: &[u32]) -> bool {
    let doubled = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, &digit)| {
            if index % 2 == 1 {
                doubled(digit)
            } else {
                digit
            }
        })
        .sum();
    sum % 10 == 0
}

fn mask(chars: &mut [char], digits: &[usize]) {
    for &index in &digits[..digits.len() - SHOWN] {
        chars[index] = '*';
    }
}
