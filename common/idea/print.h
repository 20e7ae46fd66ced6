// Prints events and values as JSON. Part of the codec.
#ifndef COMMON_IDEA_PRINT_H_
#define COMMON_IDEA_PRINT_H_

#include <string>

#include "common/idea/schema.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

// All keys of the message, sorted, the unknown ones among them.
void AppendObject(const google::protobuf::Message& message, const ObjectSchema& schema,
                  std::string* out);
// What the field of a key holds, the item at `index` if it is a list.
void AppendItem(const google::protobuf::Message& message, const KeySchema& key, int index,
                std::string* out);
void AppendValue(const v1::Value& value, std::string* out);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_PRINT_H_
