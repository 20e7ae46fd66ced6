#include "services/controller/kubernetes_api.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/base/steady_time.h"
#include "common/store/backoff.h"

namespace mentat::controller {
namespace {

using nlohmann::json;

constexpr size_t kMaxAnswerBytes = 8 << 20;
constexpr size_t kMaxFileBytes = 64 << 10;
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);

enum Code { kUnauthorized = 401, kForbidden = 403, kNotFound = 404, kConflict = 409 };
constexpr long kTooManyRequests = 429;
constexpr long kServerError = 500;

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

size_t Append(char* data, size_t size, size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size * count > kMaxAnswerBytes) return 0;  // ends the transfer
  text.append(data, size * count);
  return size * count;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxFileBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad()) {
    return absl::FailedPreconditionError(absl::StrCat("cannot read ", path));
  }
  text.resize(static_cast<size_t>(in.gcount()));
  absl::StripAsciiWhitespace(&text);
  if (text.empty()) return absl::FailedPreconditionError(absl::StrCat(path, " is empty"));
  return text;
}

// What the server says of a failure: the `message` of its Status object.
std::string MessageOf(const std::string& body) {
  const json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (object.is_object() && object.contains("message") && object["message"].is_string()) {
    return object["message"].get<std::string>();
  }
  return body.substr(0, 200);
}

absl::StatusCode ToCode(long http) {
  switch (http) {
    case kUnauthorized:
      return absl::StatusCode::kUnauthenticated;
    case kForbidden:
      return absl::StatusCode::kPermissionDenied;
    case kNotFound:
      return absl::StatusCode::kNotFound;
    case kConflict:
      return absl::StatusCode::kAborted;
    default:
      return http == kTooManyRequests || http >= kServerError ? absl::StatusCode::kUnavailable
                                                              : absl::StatusCode::kInvalidArgument;
  }
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

struct KubernetesApi::Answer {
  long code = 0;
  std::string body;
  absl::Duration retry_after;
};

absl::StatusOr<KubernetesApi> KubernetesApi::Create(
    const config::v1::KubernetesDriverConfig& config, std::stop_token stop) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) return absl::InternalError("cannot set up libcurl");
  KubernetesApi api;
  api.url_ = config.api_url();
  api.token_file_ = config.token_file();
  api.ca_file_ = config.ca_file();
  api.namespace_ = config.namespace_();
  api.timeout_ = absl::Seconds(config.request_timeout_seconds());
  api.patience_ = absl::Seconds(config.retry_seconds());
  api.stop_ = std::move(stop);
  if (api.url_.empty()) {
    std::string host = Environment("KUBERNETES_SERVICE_HOST");
    const std::string port = Environment("KUBERNETES_SERVICE_PORT");
    if (host.empty() || port.empty()) {
      return absl::FailedPreconditionError(
          "driver.kubernetes: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so "
          "this is no pod; configure driver.kubernetes.api_url");
    }
    if (host.find(':') != std::string::npos) host = absl::StrCat("[", host, "]");
    api.url_ = absl::StrCat("https://", host, ":", port);
  }
  while (api.url_.ends_with('/')) api.url_.pop_back();
  if (!api.url_.starts_with("https://")) {
    return absl::InvalidArgumentError(
        "driver.kubernetes.api_url: expected https://HOST:PORT, since the token goes there");
  }
  if (api.namespace_.empty()) {
    const std::string file = config.namespace_file();
    ASSIGN_OR_RETURN(api.namespace_, ReadSmallFile(file));
  }
  return api;
}

absl::StatusOr<json> KubernetesApi::Get(const std::string& path) const {
  return Try("GET", path, "");
}

absl::StatusOr<json> KubernetesApi::Patch(const std::string& path, const json& patch) const {
  return Try("PATCH", path, patch.dump());
}

absl::StatusOr<json> KubernetesApi::Try(const std::string& method, const std::string& path,
                                        const std::string& body) const {
  const absl::Duration deadline = SteadyNow() + patience_;
  store::Backoff backoff(kFirstPause, kLongestPause);
  bool token_may_be_old = true;
  while (true) {
    absl::StatusOr<Answer> answer = Send(method, path, body);
    absl::Status error = answer.status();
    absl::Duration pause = backoff.Next();
    if (answer.ok()) {
      if (answer->code / 100 == 2) {
        json object = json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
        if (object.is_object()) return object;
        return absl::InternalError("the API server's answer is no JSON object");
      }
      error = absl::Status(ToCode(answer->code), absl::StrCat("Kubernetes (", answer->code,
                                                              "): ", MessageOf(answer->body)));
      pause = std::max(pause, answer->retry_after);
    }
    // The token may have been replaced between its reading and the answer.
    const bool again = absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error) ||
                       (absl::IsUnauthenticated(error) && std::exchange(token_may_be_old, false));
    if (!again || SteadyNow() + pause >= deadline) return error;
    if (!Pause(pause, stop_)) return error;
  }
}

absl::StatusOr<KubernetesApi::Answer> KubernetesApi::Send(const std::string& method,
                                                          const std::string& path,
                                                          const std::string& body) const {
  ASSIGN_OR_RETURN(const std::string token, ReadSmallFile(token_file_));
  if (token.find_first_of("\r\n") != std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat(token_file_, " holds more than a token"));
  }
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  std::unique_ptr<curl_slist, CurlDeleter> headers;
  const auto add_header = [&headers](const std::string& header) {
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  };
  add_header("Authorization: Bearer " + token);
  add_header("Accept: application/json");
  if (!body.empty()) add_header("Content-Type: application/merge-patch+json");

  Answer answer;
  char message[CURL_ERROR_SIZE] = "";
  const std::string url = url_ + path;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);  // the token goes nowhere else
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file_.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(curl.get(), CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(timeout_)));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, message);
  if (!body.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    const std::string why = absl::StrCat("the API server ", url_, ": ",
                                         message[0] != '\0' ? message : curl_easy_strerror(code));
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT:
        return absl::DeadlineExceededError(why);
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
        return absl::FailedPreconditionError(why);
      case CURLE_WRITE_ERROR:
        return absl::ResourceExhaustedError(why);
      default:
        return absl::UnavailableError(why);
    }
  }
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.code);
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(curl.get(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK) {
    answer.retry_after = absl::Seconds(seconds);
  }
  return answer;
}

}  // namespace mentat::controller
