/** One line of a `Select`. */
export interface Option {
  value: string;
  label: string;
}
