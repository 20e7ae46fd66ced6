// Tables for people.
#ifndef TOOLS_MENTATCTL_TABLE_H_
#define TOOLS_MENTATCTL_TABLE_H_

#include <string>
#include <vector>

namespace mentat::mentatctl {

// Columns as wide as their widest cell, text to the left, numbers to the right. Control characters
// in cells are made harmless.
class Table {
 public:
  // Titles of the columns. Those of numbers begin with `>`, which is not shown.
  explicit Table(const std::vector<std::string>& titles);

  // A cell for each column; missing ones are `-`.
  void Add(std::vector<std::string> row);
  bool empty() const { return rows_.size() == 1; }
  std::string Format() const;

 private:
  std::vector<bool> to_the_right_;
  std::vector<std::vector<std::string>> rows_;
};

// Characters of a text in UTF-8, each of which is taken to be one column wide.
size_t Columns(const std::string& text);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TABLE_H_
