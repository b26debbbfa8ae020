/// What comes before `--`, and what after it.
pub(crate) fn split_at_dashes(args: &[String]) -> (&[String], &[String]) {
    match args.iter().position(|arg| arg == "--") {
        Some(dashes) => (&args[..dashes], &args[dashes + 1..]),
        None => (args, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_dashes_split() {
        let check = |line: &str, before: &[&str], after: &[&str]| {
            let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let (own, rest) = split_at_dashes(&args);
            assert_eq!(
                (own, rest),
                (&to_strings(before)[..], &to_strings(after)[..]),
                "{line}"
            );
        };
        check("a b", &["a", "b"], &[]);
        check("a -- b -- c", &["a"], &["b", "--", "c"]);
        check("--", &[], &[]);
    }

    fn to_strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}
