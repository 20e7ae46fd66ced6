// All that a stage of a few lines needs: services/demo is one, docs/writing-a-stage.md goes through
// it.
#ifndef COMMON_SERVICE_STAGE_H_
#define COMMON_SERVICE_STAGE_H_

#include "common/service/composite.h"  // IWYU pragma: export
#include "common/service/lines.h"      // IWYU pragma: export
#include "common/service/metrics.h"    // IWYU pragma: export
#include "common/service/scheduler.h"  // IWYU pragma: export
#include "common/service/service.h"    // IWYU pragma: export
#include "prometheus/counter.h"        // IWYU pragma: export
#include "prometheus/gauge.h"          // IWYU pragma: export
#include "prometheus/histogram.h"      // IWYU pragma: export

#endif  // COMMON_SERVICE_STAGE_H_
