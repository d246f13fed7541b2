//! Line-wise three-way merge of long text, and union of sets.
