use std::time::Duration;

/// A table for a terminal: columns of numbers to the right, the others to the left.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(header: [&str; N]) -> Self {
        Self {
            rows: vec![header.map(str::to_owned)],
        }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    pub(crate) fn render(&self) -> String {
        let cells: Vec<Vec<String>> = (0..N).map(|column| self.column(column)).collect();
        let lines = (0..self.rows.len()).map(|row| {
            let line: Vec<&str> = cells.iter().map(|column| column[row].as_str()).collect();
            format!("{}\n", line.join("   ").trim_end())
        });
        lines.collect()
    }

    /// The cells of a column, all of the same width.
    fn column(&self, column: usize) -> Vec<String> {
        let cells = || self.rows.iter().map(|row| row[column].as_str());
        let width = cells().map(|cell| cell.chars().count()).max().unwrap_or(0);
        let starts_with_digit = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit());
        if cells().skip(1).all(starts_with_digit) {
            cells().map(|cell| format!("{cell:>width$}")).collect()
        } else {
            cells().map(|cell| format!("{cell:<width$}")).collect()
        }
    }
}

/// `0.42 s`, `12.3 s`, `3 min 05 s`.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 9.995 => format!("{short:.2} s"),
        middle if middle < 119.95 => format!("{middle:.1} s"),
        long => format!("{} min {:02} s", long as u64 / 60, long as u64 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["step", "time", "result"]);
        table.row(["a longer step".into(), "12 s".into(), "ok".into()]);
        table.row(["b".into(), "1 s".into(), String::new()]);
        let expected = "\
step            time   result
a longer step   12 s   ok
b                1 s
";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn times_read_well() {
        let check = |millis, expected| assert_eq!(seconds(Duration::from_millis(millis)), expected);
        check(0, "0.00 s");
        check(1_234, "1.23 s");
        check(9_999, "10.0 s");
        check(61_500, "61.5 s");
        check(185_000, "3 min 05 s");
    }
}
