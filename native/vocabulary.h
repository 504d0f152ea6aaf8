// Written by scripts/vocabulary.mjs from src/engine/vocabulary.ts.
#pragma once

namespace densenet {

/// What encodings of this vocabulary begin with.
constexpr double FINGERPRINT = 3746848055;

enum class Kernel : int {
  ConvolutionForward,
  ConvolutionBackward,
  DenseLayerForward,
  QuantizedDenseLayerForward,
  TransposedConvolutionForward,
  TransposedConvolutionBackward,
  AveragePoolForward,
  AveragePoolBackward,
  MaxPoolForward,
  MaxPoolBackward,
  LinearForward,
  LinearBackward,
  CrossEntropy,
  BinaryCrossEntropy,
  PixelCrossEntropy,
  RunningStatistics,
  Sgd,
  AdamW,
  RmsProp,
  ClipGradients,
  Blend,
  Fill,
  Count
};

/// Reads the fields of a call in the order in which they are encoded.
template <class Decoder, class Call>
void readFields(Decoder& in, Call& call) {
  switch (call.kernel) {
    case Kernel::ConvolutionForward:
      in.integer(call.size); in.integer(call.stride); in.integer(call.padding); in.view(call.input);
      if (in.present()) { in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon); }
      in.weight(call.weight, call.weights[0]); if (in.present()) { in.ref(call.bias); }
      if (in.present()) { in.ref(call.foldedBias); } in.view(call.output);
      if (in.present()) { in.ref(call.statistics.mean); in.ref(call.statistics.variance); }
      if (in.present()) { in.number(call.dropout.rate); in.integer(call.dropout.layer); }
      break;
    case Kernel::ConvolutionBackward:
      in.integer(call.size); in.integer(call.stride); in.integer(call.padding); in.view(call.input);
      if (in.present()) { in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon); }
      in.view(call.outputGradient.gradient); if (in.present()) { in.view(call.outputGradient.value); in.ref(call.outputGradient.mean); in.ref(call.outputGradient.variance); in.number(call.outputGradient.epsilon); in.ref(call.outputGradient.a); in.ref(call.outputGradient.b); }
      in.weight(call.weight, call.weights[0]); in.ref(call.weightGradient); if (in.present()) { in.ref(call.biasGradient); }
      if (in.present()) { in.view(call.inputGradient.gradient); in.flag(call.inputGradient.accumulate); if (in.present()) { in.ref(call.inputGradient.gamma); in.ref(call.inputGradient.beta); in.ref(call.inputGradient.a); in.ref(call.inputGradient.b); } }
      if (in.present()) { in.number(call.dropout.rate); in.integer(call.dropout.layer); }
      break;
    case Kernel::DenseLayerForward:
      in.view(call.input);
      in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon);
      in.integer(call.channels); in.weight(call.weight, call.weights[0]); in.ref(call.foldedBias);
      in.weight(call.growthWeight, call.weights[1]); in.view(call.output);
      break;
    case Kernel::QuantizedDenseLayerForward:
      in.view(call.input);
      in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon);
      in.number(call.inputStep); in.integer(call.channels); in.weight(call.weight, call.weights[0]); in.ref(call.scale);
      in.ref(call.foldedBias); in.weight(call.growthWeight, call.weights[1]); in.ref(call.growthScale); in.view(call.output);
      break;
    case Kernel::TransposedConvolutionForward:
      in.integer(call.size); in.integer(call.stride); in.view(call.input); in.weight(call.weight, call.weights[0]);
      in.ref(call.bias); in.view(call.output);
      if (in.present()) { in.ref(call.statistics.mean); in.ref(call.statistics.variance); }
      break;
    case Kernel::TransposedConvolutionBackward:
      in.integer(call.size); in.integer(call.stride); in.view(call.input); in.weight(call.weight, call.weights[0]);
      in.ref(call.weightGradient); in.ref(call.biasGradient);
      in.view(call.outputGradient.gradient); if (in.present()) { in.view(call.outputGradient.value); in.ref(call.outputGradient.mean); in.ref(call.outputGradient.variance); in.number(call.outputGradient.epsilon); in.ref(call.outputGradient.a); in.ref(call.outputGradient.b); }
      in.view(call.inputGradient.gradient); in.flag(call.inputGradient.accumulate);
      break;
    case Kernel::AveragePoolForward:
      in.integer(call.windowHeight); in.integer(call.windowWidth); in.view(call.input);
      if (in.present()) { in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon); }
      in.view(call.output); if (in.present()) { in.ref(call.statistics.mean); in.ref(call.statistics.variance); }
      break;
    case Kernel::AveragePoolBackward:
      in.integer(call.windowHeight); in.integer(call.windowWidth); in.view(call.input);
      if (in.present()) { in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon); }
      in.view(call.outputGradient.gradient); if (in.present()) { in.view(call.outputGradient.value); in.ref(call.outputGradient.mean); in.ref(call.outputGradient.variance); in.number(call.outputGradient.epsilon); in.ref(call.outputGradient.a); in.ref(call.outputGradient.b); }
      in.view(call.inputGradient.gradient); in.flag(call.inputGradient.accumulate); if (in.present()) { in.ref(call.inputGradient.gamma); in.ref(call.inputGradient.beta); in.ref(call.inputGradient.a); in.ref(call.inputGradient.b); }
      break;
    case Kernel::MaxPoolForward:
      in.integer(call.size); in.integer(call.stride); in.integer(call.padding); in.view(call.input);
      if (in.present()) { in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon); }
      in.view(call.output); if (in.present()) { in.ref(call.statistics.mean); in.ref(call.statistics.variance); }
      break;
    case Kernel::MaxPoolBackward:
      in.integer(call.size); in.integer(call.stride); in.integer(call.padding); in.view(call.input);
      if (in.present()) { in.ref(call.norm.gamma); in.ref(call.norm.beta); in.ref(call.norm.mean); in.ref(call.norm.variance); in.number(call.norm.epsilon); }
      in.view(call.outputGradient.gradient); if (in.present()) { in.view(call.outputGradient.value); in.ref(call.outputGradient.mean); in.ref(call.outputGradient.variance); in.number(call.outputGradient.epsilon); in.ref(call.outputGradient.a); in.ref(call.outputGradient.b); }
      in.view(call.inputGradient.gradient); in.flag(call.inputGradient.accumulate); if (in.present()) { in.ref(call.inputGradient.gamma); in.ref(call.inputGradient.beta); in.ref(call.inputGradient.a); in.ref(call.inputGradient.b); }
      break;
    case Kernel::LinearForward:
      in.view(call.input); in.weight(call.weight, call.weights[0]); in.ref(call.bias); in.scores(call.output);
      break;
    case Kernel::LinearBackward:
      in.view(call.input); in.weight(call.weight, call.weights[0]); in.ref(call.weightGradient); in.ref(call.biasGradient);
      in.scores(call.outputGradient); in.view(call.inputGradient);
      break;
    case Kernel::CrossEntropy:
      in.scores(call.logits); in.ref(call.labels); if (in.present()) { in.ref(call.mixed.labels); in.ref(call.mixed.share); }
      in.number(call.smoothing); if (in.present()) { in.ref(call.classWeights); } in.ref(call.loss); in.ref(call.rank);
      if (in.present()) { in.scores(call.gradient); }
      break;
    case Kernel::BinaryCrossEntropy:
      in.scores(call.logits); if (in.present()) { in.ref(call.labels); } in.scores(call.targets); in.number(call.smoothing);
      if (in.present()) { in.ref(call.classWeights); } in.ref(call.loss); in.ref(call.rank);
      if (in.present()) { in.scores(call.gradient); }
      break;
    case Kernel::PixelCrossEntropy:
      in.view(call.logits); in.ref(call.labels); if (in.present()) { in.ref(call.classWeights); } in.ref(call.loss);
      in.ref(call.predicted); if (in.present()) { in.view(call.gradient); }
      break;
    case Kernel::RunningStatistics:
      in.integer(call.channels); in.whole(call.pixels); in.number(call.momentum);
      in.ref(call.statistics.mean); in.ref(call.statistics.variance); in.ref(call.runningMean); in.ref(call.runningVariance);
      break;
    case Kernel::Sgd:
      in.whole(call.elements); in.number(call.weightDecay); in.ref(call.parameters); in.ref(call.gradients);
      in.number(call.momentum); in.flag(call.nesterov); in.ref(call.velocity);
      break;
    case Kernel::AdamW:
      in.whole(call.elements); in.number(call.weightDecay); in.ref(call.parameters); in.ref(call.gradients);
      in.number(call.beta1); in.number(call.beta2); in.number(call.epsilon); in.ref(call.firstMoment);
      in.ref(call.secondMoment);
      break;
    case Kernel::RmsProp:
      in.whole(call.elements); in.number(call.weightDecay); in.ref(call.parameters); in.ref(call.gradients);
      in.number(call.alpha); in.number(call.epsilon); in.flag(call.rooted); in.number(call.momentum);
      in.ref(call.secondMoment); in.ref(call.velocity);
      break;
    case Kernel::ClipGradients:
      in.whole(call.elements); in.number(call.limit); in.ref(call.gradients);
      break;
    case Kernel::Blend:
      in.whole(call.elements); in.ref(call.source); in.ref(call.target);
      break;
    case Kernel::Fill:
      in.whole(call.elements); in.number(call.value); in.ref(call.target);
      break;
    case Kernel::Count: break;
  }
}

}  // namespace densenet
