#include "tools/mentatctl/table.h"

#include <algorithm>
#include <utility>

#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {

size_t Columns(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](unsigned char c) {
    return (c & 0xc0) != 0x80;  // not a byte within a character
  }));
}

Table::Table(const std::vector<std::string>& titles) {
  std::vector<std::string> row;
  for (const std::string& title : titles) {
    const bool number = title.starts_with(">");
    to_the_right_.push_back(number);
    row.push_back(number ? title.substr(1) : title);
  }
  rows_.push_back(std::move(row));
}

void Table::Add(std::vector<std::string> row) {
  row.resize(to_the_right_.size(), "-");
  for (std::string& cell : row) cell = Printable(std::move(cell));
  rows_.push_back(std::move(row));
}

std::string Table::Format() const {
  std::vector<size_t> widths(to_the_right_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  std::string table;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Columns(row[i]), ' ');
      if (i > 0) line += "  ";
      line += to_the_right_[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    table += line + "\n";
  }
  return table;
}

}  // namespace mentat::mentatctl
