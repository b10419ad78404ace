//! A program that ends as its input says.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::wasi::io::FromRawFd;

fn control(line: &str) {
    let mut control = unsafe { File::from_raw_fd(3) };
    writeln!(control, "{line}").expect("file descriptor 3 is open");
}

fn main() {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input).expect("the input is UTF-8");
    let items: Vec<u32> = Vec::new();
    match input.trim_matches('"') {
        "panic" => panic!("order {} has no items", 5),
        "lines" => panic!("first\n\nthird"),
        "equal" => assert_eq!(items.len(), 1, "items"),
        "unwrap" => println!("{}", items.first().unwrap()),
        "error" => println!("{}", input.parse::<u32>().expect("a number")),
        "index" => println!("{}", items[input.len()]),
        "memory" => println!("{}", vec![input.as_bytes()[0]; input.len() << 28][input.len()]),
        "emit" => control(r#"{"emit":{"event":"second","data":{"n":1}}}"#),
        "retry" => control(r#"{"retry":{"after":1.5,"reason":"not yet"}}"#),
        _ => {}
    }
    println!("1");
}
