/// Blocking work takes longer than it may.
package struct Overdue: Error {}
